#include "commands.h"

#include <iterator>

namespace kachery::cli {

CommandList all_commands() {
  CommandList all;
  for (const auto family :
       {content_commands, care_commands, space_commands, mutable_commands, feed_commands, feed_proof_commands,
        node_commands, resource_commands, daemon_commands, channel_commands, finding_commands,
        hub_serving_commands, hub_people_commands, hub_zone_commands, proxy_commands, configuring_commands,
        doctor_commands, document_commands})
    std::ranges::move(family(), std::back_inserter(all));
  return all;
}

}  // namespace kachery::cli
