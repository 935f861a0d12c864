// What the user asked for on the command line.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/digest.h"

namespace kachery::cli {

struct StoreCommand {
  std::vector<std::string> paths;  // "-" is standard input.
  std::string list;                // A file with more paths; "-" is standard input; empty for none.
  bool null_separated = false;     // In `list`.
  std::optional<std::string> label;
  Algorithm algorithm = Algorithm::sha1;
};

struct LinkCommand {
  StoreCommand what;
};

struct LoadCommand {
  std::string name;
  std::string destination;  // Empty: where it lies.
};

struct CatCommand {
  std::string name;
  std::optional<std::int64_t> start;  // Never negative.
  std::optional<std::int64_t> end;
};

struct InfoCommand {
  std::string name;  // Empty: the store itself.
};

struct VerifyCommand {
  std::vector<std::string> names;  // Empty: everything.
};

using Command = std::variant<StoreCommand, LinkCommand, LoadCommand, CatCommand, InfoCommand, VerifyCommand>;

struct Arguments {
  Command command;
  std::string directory;  // --dir; empty: from the environment.
  bool json = false;
  bool quiet = false;
};

// Where there is nothing to run: help, the version, or a usage error, already printed.
struct Finished {
  int exit_status;
};

// `arguments` as main gets them. "--as NAME" in the first place stands for one of the older command names.
std::variant<Arguments, Finished> parse_arguments(const std::vector<std::string>& arguments);

}  // namespace kachery::cli
