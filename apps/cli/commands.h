// The list of all commands, by families.
#pragma once

#include "command.h"

namespace kachery::cli {

CommandList content_commands();
CommandList care_commands();
CommandList space_commands();
CommandList node_commands();
CommandList resource_commands();
CommandList daemon_commands();
CommandList channel_commands();
CommandList finding_commands();
CommandList hub_serving_commands();
CommandList hub_people_commands();
CommandList hub_zone_commands();
CommandList proxy_commands();
CommandList configuring_commands();
CommandList doctor_commands();
CommandList document_commands();
CommandList mutable_commands();
CommandList feed_commands();
CommandList feed_proof_commands();

// In the order of --help.
CommandList all_commands();

}  // namespace kachery::cli
