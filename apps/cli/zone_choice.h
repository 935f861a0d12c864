// Which zone a command works with, as --zone and --local say, and what they have in common that do.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command.h"

namespace kachery::cli {

// Code::unavailable if no hub is configured, or nobody else is to be asked; `what` needs one.
Result<> require_hub(const Configuration& configuration, std::string_view what);

struct ZoneChoice {
  std::string zone;  // Empty: the one that is configured.
  bool local = false;
  std::string resource;                     // Empty: the one that KACHERY_RESOURCE_URL names, if any.
  std::string channel;                      // Empty: none in particular.
  std::optional<ByteCount> timeout_s = {};  // None: kAskWaitMax.

  void declare(Options& options, const char* zone_help, const char* local_help);
  // For what loads: also --resource, --channel and --timeout.
  void declare_sources(Options& options);
  // For what stores: also --upload-to-channel.
  void declare_destination(Options& options, const char* zone_help, const char* local_help);

  // Code::invalid if it is no name, or --local is said, too; as require_hub if a zone or resource is named.
  Result<std::optional<ZoneName>> name(const Configuration& configuration) const;
  Result<Sources> sources(const Configuration& configuration) const;
  // The channel that is named. Code::invalid if it is no name, or --local is said, too; as require_hub.
  Result<std::optional<ChannelName>> channel_name(const Configuration& configuration) const;
};

// Where the older programs' commands look: here, in the zone, and at the resource that KACHERY_RESOURCE_URL
// names, if it is set.
Sources sources_of_environment(Location location = Location::ignore);

// Uploads what was just stored here, to the zone or the channel that is named, unless --local says that it is
// to stay here, or there is no hub. A failure names what is here all the same.
Result<> upload_stored(Context& context, std::span<const Stored> stored, const ZoneChoice& choice);

// URIs as people type them.
Result<std::vector<Digest>> parse_digests(std::span<const std::string> names);

}  // namespace kachery::cli
