// ZoneCommand: a command about something in a zone of the hub.
#pragma once

#include "command.h"
#include "zone_choice.h"

namespace kachery::cli {

class ZoneCommand : public Command {
 public:
  // `family` is what messages call it, such as "kachery channel".
  explicit ZoneCommand(const char* family, MissingKey missing = MissingKey::none)
      : family_(family), missing_(missing) {}

  Result<int> run(Context& context) final;

 protected:
  virtual Result<> act(const Context& context, remote::Hub& hub, const ZoneName& zone) const = 0;

  void declare_zone(Options& options);

 private:
  const char* family_;
  MissingKey missing_;
  ZoneChoice choice_;
};

}  // namespace kachery::cli
