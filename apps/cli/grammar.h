// The grammar of the program as data, for what is made of it: completions and the manual.
#pragma once

#include <string>
#include <vector>

namespace kachery::cli {

struct OptionWords {
  std::vector<std::string> names;  // "--dest", "-q"; an argument, known by its place, has one plain name.
  std::string help;
  bool argument = false;
  bool takes_value = false;
  bool required = false;
  bool many = false;                 // May be said more than once.
  std::vector<std::string> choices;  // Empty: anything; paths are offered.
};

struct CommandWords {
  std::string name;  // As it is typed: "kachery context list".
  std::string help;
  std::vector<OptionWords> options;
  std::vector<CommandWords> commands;  // A group has some, and nothing to run itself.
};

// Everything that can be said to `kachery`.
CommandWords grammar();

// The script that makes a shell complete it; `shell` is bash, zsh or fish.
std::string completion_for(const std::string& shell, const CommandWords& program);

// A page of the manual, in roff. man-pages(7) says what stands where.
std::string manual_page(const CommandWords& command);

// How the page of a command is called: "kachery-context-list".
std::string page_name(const CommandWords& command);

}  // namespace kachery::cli
