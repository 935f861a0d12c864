// Options: what may stand behind a command's name, bound to the variables that receive it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"

namespace CLI {
class App;
}

namespace kachery::cli {

enum class Required { no, yes };

// Names are "--dest", or "-q,--quiet"; an argument, which is known by its place, has a plain one. Variables
// keep their value where nothing was said, and outlive the parser.
class Options {
 public:
  explicit Options(CLI::App& app) : app_(app) {}

  void flag(const char* names, bool& value, const char* help);
  void option(const char* names, std::string& value, const char* help);
  void option(const char* names, std::optional<std::string>& value, const char* help);
  void option(const char* names, std::optional<ByteCount>& value, const char* help);
  // May be said several times.
  void option(const char* names, std::vector<std::string>& values, const char* help);

  void argument(const char* name, std::string& value, const char* help, Required required = Required::yes);
  void argument(const char* name, std::vector<std::string>& values, const char* help,
                Required required = Required::no);
  // One of a few words.
  void choice(const char* name, std::string& value, const char* help, std::vector<std::string> words);

 private:
  CLI::App& app_;
};

}  // namespace kachery::cli
