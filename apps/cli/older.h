// The programs of both earlier generations: their names, and commands with their own options and output.
#pragma once

#include <string>
#include <string_view>

#include "command.h"

namespace kachery::cli {

// One of the older programs, whose commands stand below it.
struct OlderProgram {
  const char* name;
  const char* what;
  CommandList (*commands)();
};

// A script with a name of its own for one of these commands.
struct OlderScript {
  const char* name;
  const char* program;
  const char* command;
};

CommandList client_commands();          // kachery-client, of gen1.
CommandList cloud_commands();           // kachery-cloud, of gen2.
CommandList daemon_names_commands();    // kachery-daemon, of gen1.
CommandList resource_names_commands();  // kachery-resource, of gen2.

// Null if there was none of this name.
const OlderProgram* find_older_program(std::string_view name);
const OlderScript* find_older_script(std::string_view name);

}  // namespace kachery::cli
