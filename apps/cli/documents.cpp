// The commands about the program itself: completions and the manual, from one grammar.
#include <fmt/format.h>

#include <filesystem>

#include "commands.h"
#include "grammar.h"
#include "json/json.h"
#include "os/replacement.h"

namespace kachery::cli {
namespace {

namespace fs = std::filesystem;

class CompletionCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.choice("shell", shell_, "Which shell", {"bash", "zsh", "fish"});
  }

  Result<int> run(Context& context) override {
    const std::string script = completion_for(shell_, grammar());
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"shell", shell_}, {"script", script}}));
    } else {
      KACHERY_TRY(context.write(as_bytes(script)));
    }
    return 0;
  }

 private:
  std::string shell_;
};

// The command of these words below `program`, or null.
const CommandWords* find_command(const CommandWords& program, const std::vector<std::string>& words) {
  const CommandWords* command = &program;
  for (const std::string& word : words) {
    const std::string name = command->name + " " + word;
    const CommandWords* next = nullptr;
    for (const CommandWords& sub : command->commands)
      if (sub.name == name) next = &sub;
    if (next == nullptr) return nullptr;
    command = next;
  }
  return command;
}

class ManualCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("command", words_, "Whose page; without it, the program's");
    options.option("--into", folder_, "Write the page, and those of all commands below it, into this folder");
  }

  Result<int> run(Context& context) override {
    const CommandWords program = grammar();
    const CommandWords* command = find_command(program, words_);
    if (command == nullptr)
      return fail(Code::not_found, fmt::format("there is no command {}; kachery --help names them all",
                                               fmt::join(words_, " ")));
    if (!folder_.empty()) return write_pages(*command);
    const std::string page = manual_page(*command);
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"name", page_name(*command)}, {"page", page}}));
    } else {
      KACHERY_TRY(context.write(as_bytes(page)));
    }
    return 0;
  }

 private:
  Result<int> write_pages(const CommandWords& command) const {
    const fs::path path = fs::absolute(folder_) / (page_name(command) + ".1");
    KACHERY_TRY(replacement, replace_user_file(path));
    KACHERY_TRY(replacement->append(as_bytes(manual_page(command))));
    KACHERY_TRY(replacement->commit());
    for (const CommandWords& sub : command.commands) KACHERY_TRY(write_pages(sub));
    return 0;
  }

  std::vector<std::string> words_;
  std::string folder_;
};

}  // namespace

CommandList document_commands() {
  return {
      {"completion", "Print the script that makes a shell complete this program",
       make_command<CompletionCommand>},
      {"manual", "Print a page of the manual, for man -l", make_command<ManualCommand>},
  };
}

}  // namespace kachery::cli
