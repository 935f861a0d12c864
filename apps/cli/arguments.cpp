// The only file that includes CLI11, which compiles slowly.
#include "arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "commands.h"
#include "core/error.h"
#include "core/text.h"

namespace kachery::cli {

void Options::flag(const char* names, bool& value, const char* help) {
  app_.add_flag(names, value, help);
}

void Options::option(const char* names, std::string& value, const char* help) {
  app_.add_option(names, value, help);
}

void Options::option(const char* names, std::optional<std::string>& value, const char* help) {
  app_.add_option(names, value, help);
}

void Options::option(const char* names, std::optional<ByteCount>& value, const char* help) {
  // Without the check "-1" would become a very large number.
  app_.add_option(names, value, help)->check(CLI::NonNegativeNumber);
}

void Options::argument(const char* name, std::string& value, const char* help, Required required) {
  app_.add_option(name, value, help)->required(required == Required::yes);
}

void Options::argument(const char* name, std::vector<std::string>& values, const char* help,
                       Required required) {
  app_.add_option(name, values, help)->required(required == Required::yes);
}

void Options::choice(const char* name, std::string& value, const char* help, std::vector<std::string> words) {
  app_.add_option(name, value, help)->required()->check(CLI::IsMember(std::move(words)));
}

namespace {

constexpr std::string_view kExitCodes =
    "Exit status: 0 done, 1 failed, 2 usage, 3 partly failed, 4 not found, 5 unreachable, 6 not allowed,\n"
    "7 hash mismatch, 8 no space, 9 timed out, 130 interrupted.";

// An older command name is a sub-command with the same arguments.
std::vector<std::string> translate_old_name(std::vector<std::string> arguments) {
  if (arguments.size() < 3 || arguments[1] != "--as") return arguments;
  std::string name = arguments[2];
  for (const char* prefix : {"kachery-cloud-", "kachery-"})
    if (name.starts_with(prefix)) name.erase(0, std::string_view(prefix).size());
  std::vector<std::string> translated{arguments[2], name};
  translated.insert(translated.end(), arguments.begin() + 3, arguments.end());
  return translated;
}

// The parser, and every command with the variables that it fills in.
class Grammar {
 public:
  CLI::App app{"Share data by content, not by location. See kachery COMMAND --help."};
  Common common;

  Grammar() {
    app.footer(std::string(kExitCodes));
    app.set_version_flag("--version", "kachery " KACHERY_VERSION);
    app.require_subcommand(1);
    for (const CommandEntry& entry : all_commands()) add(entry);
  }

  // The command that was named; only after the parsing.
  std::unique_ptr<Command> take_command() {
    const auto named = [](const Added& added) { return added.app->parsed(); };
    const auto found = std::ranges::find_if(commands_, named);
    KACHERY_ASSERT(found != commands_.end());
    return std::move(found->command);
  }

 private:
  struct Added {
    CLI::App* app;
    std::unique_ptr<Command> command;
  };

  void add(const CommandEntry& entry) {
    const std::string name = entry.name;
    const std::size_t space = name.find(' ');
    CLI::App* parent = space == std::string::npos ? &app : app.get_subcommand(name.substr(0, space));
    CLI::App* sub = parent->add_subcommand(name.substr(space + 1), entry.what);
    if (entry.make == nullptr) {
      sub->require_subcommand(1);
      return;
    }
    sub->add_flag("--json", common.json, "Print one JSON object on standard output");
    sub->add_flag("-q,--quiet", common.quiet, "No progress on standard error");
    sub->add_option("--dir", common.directory, "The store's directory, instead of KACHERY_DIR");
    sub->add_option("--context", common.context, "The settings of this context (kachery context list)");
    Options options(*sub);
    commands_.push_back({sub, entry.make()});
    commands_.back().command->declare(options);
  }

  std::vector<Added> commands_;
};

}  // namespace

std::variant<Arguments, Finished> parse_arguments(const std::vector<std::string>& arguments) {
  const std::vector<std::string> translated = translate_old_name(arguments);
  std::vector<const char*> words;
  words.reserve(translated.size());
  for (const std::string& word : translated) words.push_back(word.c_str());
  Grammar grammar;
  const auto names_command = [&](const CLI::App* command) { return command->check_name(translated[1]); };
  if (translated.size() > 1 && !translated[1].starts_with('-') &&
      std::ranges::none_of(grammar.app.get_subcommands({}), names_command)) {
    std::cerr << "kachery: there is no command \"" << printable(translated[1])
              << "\"; kachery --help names them all\n";
    return Finished{exit_status(Code::invalid)};
  }
  try {
    grammar.app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;
    grammar.app.exit(error, std::cout, std::cerr);
    return Finished{asked ? 0 : exit_status(Code::invalid)};
  }
  return Arguments{std::move(grammar.common), grammar.take_command()};
}

}  // namespace kachery::cli
