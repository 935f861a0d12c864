#include <fmt/format.h>

#include <algorithm>

#include "grammar.h"

namespace kachery::cli {
namespace {

// Text for roff: nothing in it is an instruction, a hyphen is the one that is typed.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool begins_line = out.empty() || out.back() == '\n';
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  return text;
}

// What stands for an option's value.
std::string value_of(const OptionWords& option) {
  if (!option.choices.empty()) return fmt::format("{}", fmt::join(option.choices, "|"));
  std::string longest = option.names.back();
  longest.erase(0, longest.find_first_not_of('-'));
  return upper(longest);
}

// Behind the command's name, as it is typed.
std::string synopsis_of(const CommandWords& command) {
  std::string line = "\\fB" + roff(command.name) + "\\fR";
  if (!command.commands.empty()) return line + " \\fICOMMAND\\fR ...";
  if (std::ranges::any_of(command.options, [](const auto& option) { return !option.argument; }))
    line += " [\\fIOPTION\\fR]...";
  for (const OptionWords& option : command.options) {
    if (!option.argument) continue;
    const std::string word = "\\fI" + roff(value_of(option)) + "\\fR" + (option.many ? "..." : "");
    line += " " + (option.required ? word : "[" + word + "]");
  }
  return line;
}

std::string entry_of(const OptionWords& option) {
  std::string names;
  for (const std::string& name : option.names)
    names +=
        (names.empty() ? "" : ", ") + ("\\fB" + roff(option.argument ? value_of(option) : name) + "\\fR");
  if (!option.argument && option.takes_value) names += " \\fI" + roff(value_of(option)) + "\\fR";
  return ".TP\n" + names + "\n" + roff(option.help) + ".\n";
}

std::string entries_of(const CommandWords& command, bool arguments) {
  std::string entries;
  for (const OptionWords& option : command.options)
    if (option.argument == arguments) entries += entry_of(option);
  return entries;
}

}  // namespace

std::string page_name(const CommandWords& command) {
  std::string name = command.name;
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string manual_page(const CommandWords& command) {
  std::string page = fmt::format(".TH {} 1 \"\" \"kachery " KACHERY_VERSION "\" \"kachery\"\n",
                                 roff(upper(page_name(command))));
  // "Keep copies of files" follows a dash.
  const std::string first_sentence = command.help.substr(0, command.help.find(". "));
  page += fmt::format(".SH NAME\n{} \\- {}\n", roff(page_name(command)), roff(first_sentence));
  page += ".SH SYNOPSIS\n" + synopsis_of(command) + "\n";
  if (const std::string entries = entries_of(command, true); !entries.empty())
    page += ".SH ARGUMENTS\n" + entries;
  if (!command.commands.empty()) page += ".SH COMMANDS\n";
  for (const CommandWords& sub : command.commands)
    page += ".TP\n\\fB" + roff(sub.name) + "\\fR\n" + roff(sub.help) + ".\n";
  page += ".SH OPTIONS\n" + entries_of(command, false);
  page += ".SH EXIT STATUS\n" +
          roff(
              "0 done, 1 failed, 2 usage, 3 partly failed, 4 not found, 5 unreachable, 6 not allowed, "
              "7 hash mismatch, 8 no space, 9 timed out, 130 interrupted.") +
          "\n";
  if (command.name != "kachery") page += ".SH SEE ALSO\n.BR kachery (1)\n";
  return page;
}

}  // namespace kachery::cli
