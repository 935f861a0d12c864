// Command: one thing that people ask for by name. A family of commands is one file; commands.cpp lists them
// all.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/session.h"
#include "core/progress.h"
#include "json/json.h"
#include "options.h"

namespace kachery::cli {

// The exit status where a part failed, and the rest was done.
constexpr int kPartlyFailed = 3;

// What can be said with every command of `kachery`.
struct Common {
  std::string directory;  // --dir; empty: from the settings.
  std::string context;    // --context; likewise.
  bool json = false;
  bool quiet = false;
};

// What a command works with. It outlives the run of the command; one thread at a time.
class Context {
 public:
  Context(Common asked, Progress& watched) : common(std::move(asked)), progress(watched) {}

  const Common common;
  Progress& progress;

  Result<Configuration> configuration() const;
  // Made at the first call; some commands need none.
  Result<Session*> session();

  // To standard output.
  Result<> write(ByteView bytes) const;
  Result<> print(std::string_view line) const;
  Result<> print(json::Object object) const;
  // As one object with --json, else a line for each member.
  Result<> print_fields(json::Object fields) const;

 private:
  std::unique_ptr<Session> session_;
};

class Command {
 public:
  virtual ~Command() = default;

  // Binds members of this object to what may stand behind the command's name.
  virtual void declare(Options& options) = 0;
  // Prints the result, and gives the exit status; whoever calls prints the error.
  virtual Result<int> run(Context& context) = 0;
};

// Whose directory --dir names.
enum class Place { store, hub };

// A line of the list of commands. A name of several words is a command of a group, such as "context list";
// the group itself has a line before its commands, and nothing to make.
struct CommandEntry {
  const char* name;
  const char* what;
  std::unique_ptr<Command> (*make)();
  Place place = Place::store;
};

template <class T>
std::unique_ptr<Command> make_command() {
  return std::make_unique<T>();
}

using CommandList = std::vector<CommandEntry>;

// Runs it. A failure is printed on standard error, once, here; with --json also as an object on standard
// output.
int run(Command& command, Context& context);

}  // namespace kachery::cli
