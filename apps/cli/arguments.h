// What the user asked for on the command line.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "command.h"

namespace kachery::cli {

struct Arguments {
  Common common;
  std::unique_ptr<Command> command;
};

// Where there is nothing to run: help, the version, or a usage error, already printed.
struct Finished {
  int exit_status;
};

// `arguments` as main gets them. "--as NAME" in the first place stands for one of the older command names.
std::variant<Arguments, Finished> parse_arguments(const std::vector<std::string>& arguments);

}  // namespace kachery::cli
