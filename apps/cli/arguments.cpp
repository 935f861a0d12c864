// The only file that includes CLI11, which compiles slowly.
#include "arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <sstream>

#include "commands.h"
#include "console.h"
#include "core/error.h"
#include "core/text.h"
#include "grammar.h"
#include "older.h"

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
  const auto is_number = [](const std::string& text) -> std::string {
    const bool is_right =
        !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    return is_right ? "" : "a whole number from 0 was expected, not \"" + printable(text) + '"';
  };
  app_.add_option(names, value, help)->check(is_number);
}

void Options::option(const char* names, std::vector<std::string>& values, const char* help) {
  // One value each time, so that what follows is not taken for another one.
  app_.add_option(names, values, help)->allow_extra_args(false);
}

void Options::argument(const char* name, std::string& value, const char* help, Required required) {
  app_.add_option(name, value, help)->required(required == Required::yes);
}

void Options::argument(const char* name, std::vector<std::string>& values, const char* help,
                       Required required) {
  app_.add_option(name, values, help)->required(required == Required::yes);
}

void Options::choice(const char* name, std::string& value, const char* help, std::vector<std::string> words) {
  CLI::Option* option = app_.add_option(name, value, help)->required();
  std::string shown;
  for (const std::string& word : words) shown += (shown.empty() ? "" : "|") + word;
  option->type_name(shown)->check(CLI::IsMember(std::move(words), nullptr).description(""));
}

namespace {

constexpr std::string_view kExitCodes =
    "Exit status: 0 done, 1 failed, 2 usage, 3 partly failed, 4 not found, 5 unreachable, 6 not allowed,\n"
    "7 hash mismatch, 8 no space, 9 timed out, 130 interrupted.";

// Which program is meant, with which words behind its name.
struct Call {
  const OlderProgram* older = nullptr;  // Null: kachery itself.
  std::string name = "kachery";
  std::vector<std::string> words;
};

// "--as NAME" in the first place stands for an older program, or for one of its commands.
Result<Call> call_of(const std::vector<std::string>& arguments) {
  Call call;
  if (arguments.size() < 3 || arguments[1] != "--as") {
    call.words.assign(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
    return call;
  }
  call.name = arguments[2];
  call.words.assign(arguments.begin() + 3, arguments.end());
  const OlderScript* script = find_older_script(call.name);
  if (script != nullptr) call.words.insert(call.words.begin(), script->command);
  call.older = find_older_program(script != nullptr ? script->program : call.name);
  if (call.older == nullptr)
    return fail(Code::invalid, "no older program was called \"" + printable(call.name) + "\"");
  return call;
}

// The parser, and every command with the variables that it fills in.
class Grammar {
 public:
  CLI::App app;
  Common common;

  explicit Grammar(const OlderProgram* older) : older_(older != nullptr) {
    app.name(older_ ? older->name : "kachery");
    app.description(older_ ? older->what
                           : "Share data by content, not by location. See kachery COMMAND --help.");
    app.footer(std::string(kExitCodes));
    app.set_version_flag("--version", "kachery " KACHERY_VERSION);
    app.require_subcommand(1);
    for (const CommandEntry& entry : older_ ? older->commands() : all_commands()) add(entry);
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
    CLI::App* parent = &app;
    std::size_t begin = 0;
    for (std::size_t end = name.find(' '); end != std::string::npos; end = name.find(' ', begin)) {
      parent = parent->get_subcommand(name.substr(begin, end - begin));
      begin = end + 1;
    }
    CLI::App* sub = parent->add_subcommand(name.substr(begin), entry.what);
    if (entry.make == nullptr) {
      sub->require_subcommand(1);
      return;
    }
    if (!older_) add_common(*sub, entry.place);
    Options options(*sub);
    commands_.push_back({sub, entry.make()});
    commands_.back().command->declare(options);
  }

  void add_common(CLI::App& sub, Place place) {
    sub.add_flag("--json", common.json, "Print one JSON object on standard output");
    sub.add_flag("-q,--quiet", common.quiet, "No progress on standard error");
    sub.add_option(
        "--dir", common.directory,
        place == Place::store ? "The store's directory, instead of KACHERY_DIR" : "The hub's own directory");
    sub.add_option("--context", common.context, "The settings of this context (kachery context list)");
  }

  bool older_;
  std::vector<Added> commands_;
};

// "bash|zsh|fish", as Options::choice shows it.
std::vector<std::string> choices_of(const CLI::Option& option) {
  std::vector<std::string> words;
  std::istringstream shown(option.get_type_name());
  if (option.get_type_name().contains('|'))
    for (std::string word; std::getline(shown, word, '|');) words.push_back(word);
  return words;
}

OptionWords words_of(const CLI::Option& option) {
  OptionWords words;
  words.help = option.get_description();
  words.argument = option.get_positional();
  if (words.argument) words.names = {option.get_name(true, false)};
  for (const std::string& name : option.get_snames()) words.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) words.names.push_back("--" + name);
  words.takes_value = option.get_expected_max() > 0;
  words.required = option.get_required();
  words.many = option.get_expected_max() > 1;
  words.choices = choices_of(option);
  return words;
}

CommandWords words_of(const CLI::App& app, const std::string& name) {
  CommandWords words{name, app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) words.options.push_back(words_of(*option));
  for (const CLI::App* sub : app.get_subcommands({}))
    words.commands.push_back(words_of(*sub, name + " " + sub->get_name()));
  return words;
}

}  // namespace

CommandWords grammar() {
  const Grammar whole(nullptr);
  return words_of(whole.app, "kachery");
}

std::variant<Arguments, Finished> parse_arguments(const std::vector<std::string>& arguments) {
  KACHERY_ASSERT(!arguments.empty());
  auto call = call_of(arguments);
  if (!call) {
    say(call.error().message);
    return Finished{exit_status(call.error().code)};
  }
  Grammar grammar(call->older);
  const auto names_command = [&](const CLI::App* command) { return command->check_name(call->words[0]); };
  if (!call->words.empty() && !call->words[0].starts_with('-') &&
      std::ranges::none_of(grammar.app.get_subcommands({}), names_command)) {
    say("there is no command \"" + call->words[0] + "\"; " + call->name + " --help names them all");
    return Finished{exit_status(Code::invalid)};
  }
  try {
    std::ranges::reverse(call->words);  // As CLI11 takes them.
    grammar.app.parse(std::move(call->words));
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;
    grammar.app.exit(error, std::cout, std::cerr);
    return Finished{asked ? 0 : exit_status(Code::invalid)};
  }
  return Arguments{std::move(grammar.common), grammar.take_command()};
}

}  // namespace kachery::cli
