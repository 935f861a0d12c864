// Completion scripts. Each shell gets a table of what may follow which words, and a few lines that look into
// it.
#include <fmt/format.h>

#include <algorithm>

#include "grammar.h"

namespace kachery::cli {
namespace {

// All commands and groups, the program first.
void flatten(const CommandWords& command, std::vector<const CommandWords*>& into) {
  into.push_back(&command);
  for (const CommandWords& sub : command.commands) flatten(sub, into);
}

std::string last_word(const CommandWords& command) {
  return command.name.substr(command.name.rfind(' ') + 1);
}

// What may follow, but for paths.
std::vector<std::string> words_after(const CommandWords& command) {
  std::vector<std::string> words;
  words.reserve(command.commands.size());
  for (const CommandWords& sub : command.commands) words.push_back(last_word(sub));
  for (const OptionWords& option : command.options)
    for (const std::string& word : option.argument ? option.choices : option.names) words.push_back(word);
  return words;
}

// In single quotes, for any of the shells.
std::string quoted(const std::string& text, const char* quote_inside) {
  std::string out = "'";
  for (const char c : text)
    if (c == '\'')
      out += quote_inside;
    else
      out += c;
  return out + "'";
}

// A case of words for bash and zsh.
std::string table(const CommandWords& program) {
  std::vector<const CommandWords*> commands;
  flatten(program, commands);
  std::string cases;
  for (const CommandWords* command : commands)
    cases += fmt::format("    '{}') found='{}' ;;\n", command->name, fmt::join(words_after(*command), " "));
  return cases;
}

// Walks over the words that were typed as far as they name a command: "kachery context list". What begins
// with
// "-" is passed over.
std::string bash_script(const CommandWords& program) {
  return "# bash completion for kachery; made by: kachery completion bash\n"
         "_kachery_words() {\n"
         "  local found=\n"
         "  case \"$1\" in\n" +
         table(program) +
         "  esac\n"
         "  printf '%s' \"$found\"\n"
         "}\n"
         "_kachery() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" command=kachery word i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=\"${COMP_WORDS[i]}\"\n"
         "    [[ \"$word\" == -* ]] && continue\n"
         "    [[ -n \"$(_kachery_words \"$command $word\")\" ]] || break\n"
         "    command=\"$command $word\"\n"
         "  done\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$(_kachery_words \"$command\")\" -- \"$current\")\n"
         "}\n"
         "complete -o default -o bashdefault -F _kachery kachery\n";
}

std::string zsh_script(const CommandWords& program) {
  return "#compdef kachery\n"
         "# zsh completion for kachery; made by: kachery completion zsh\n"
         "_kachery_words() {\n"
         "  local found=\n"
         "  case \"$1\" in\n" +
         table(program) +
         "  esac\n"
         "  print -rn -- \"$found\"\n"
         "}\n"
         "_kachery() {\n"
         "  local command=kachery word\n"
         "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
         "    [[ \"$word\" == -* ]] && continue\n"
         "    [[ -n \"$(_kachery_words \"$command $word\")\" ]] || break\n"
         "    command=\"$command $word\"\n"
         "  done\n"
         "  local -a candidates\n"
         "  candidates=(${=\"$(_kachery_words \"$command\")\"})\n"
         "  compadd -- $candidates\n"
         "  _files\n"
         "}\n"
         "if [[ \"$funcstack[1]\" == _kachery ]]; then _kachery \"$@\"; else compdef _kachery kachery; fi\n";
}

// When a line of fish's table counts: a group's where just its name was typed, a command's from there on.
std::string fish_condition(const CommandWords& command) {
  const std::size_t space = command.name.find(' ');
  const std::string words = space == std::string::npos ? "" : command.name.substr(space);
  return (command.commands.empty() ? "__kachery_in" : "__kachery_at") + words;
}

std::string fish_script(const CommandWords& program) {
  std::vector<const CommandWords*> commands;
  flatten(program, commands);
  std::string script =
      "# fish completion for kachery; made by: kachery completion fish\n"
      "function __kachery_typed\n"
      "  set -l words (commandline -opc)\n"
      "  string match -v -- '-*' $words[2..-1]\n"
      "end\n"
      "function __kachery_at\n"
      "  set -l typed (__kachery_typed)\n"
      "  test \"$typed\" = \"$argv\"\n"
      "end\n"
      "function __kachery_in\n"
      "  set -l typed (__kachery_typed)\n"
      "  set -l count (count $argv)\n"
      "  test \"$typed[1..$count]\" = \"$argv\"\n"
      "end\n";
  for (const CommandWords* command : commands) {
    const std::string begin =
        fmt::format("complete -c kachery -n {}", quoted(fish_condition(*command), "\\'"));
    for (const CommandWords& sub : command->commands)
      script += fmt::format("{} -f -a {} -d {}\n", begin, last_word(sub), quoted(sub.help, "\\'"));
    for (const OptionWords& option : command->options) {
      if (option.argument && option.choices.empty()) continue;
      script += begin;
      if (option.argument) script += fmt::format(" -f -a '{}'", fmt::join(option.choices, " "));
      for (const std::string& name : option.argument ? std::vector<std::string>() : option.names)
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.takes_value && !option.argument) script += " -r";
      script += fmt::format(" -d {}\n", quoted(option.help, "\\'"));
    }
  }
  return script;
}

}  // namespace

std::string completion_for(const std::string& shell, const CommandWords& program) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  return fish_script(program);
}

}  // namespace kachery::cli
