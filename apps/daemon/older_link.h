// The daemon's connection to a proxy of gen2. wire/legacy/proxy.h. Inside daemon only.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "core/secret.h"
#include "daemon/link.h"

namespace kachery::daemon {

// What goes on for older clients, who ask again and again: an upload is not given up between two questions,
// nor with a connection. Network thread only; lives until Loop::run() has returned.
class OlderUploads {
 public:
  explicit OlderUploads(FileProvider& provider, Loop& loop) : provider_(provider), loop_(loop) {}

  // Goes on with the upload to its end, whoever goes away.
  void keep(const Digest& digest);
  // How it has ended, for some seconds: whoever asked in vain for the last time is not to begin it again.
  // None: it has not, or not well.
  std::optional<wire::AskState> ended(const Digest& digest) const;

 private:
  Task<> hold(Digest digest);

  FileProvider& provider_;
  Loop& loop_;
  std::map<Digest, std::optional<wire::AskState>> kept_;  // With their ends.
};

// Connects, serves the resource of the offer, which there must be, and gives how it ended. All of them
// outlive the task.
Task<LinkEnd> serve_at_older_proxy(const Link& link, const Secret& proxy_secret, OlderUploads& uploads);

}  // namespace kachery::daemon
