#include "arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "core/error.h"
#include "core/text.h"

namespace kachery::cli {
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

void add_store_options(CLI::App& app, StoreCommand& command) {
  app.add_option("path", command.paths, "Files; \"-\" is standard input");
  app.add_option("--from", command.list,
                 "Also the files named in this file, one a line; \"-\" is standard input");
  app.add_flag("-0,--null", command.null_separated,
               "The names in --from end with a NUL byte, as find -print0 writes");
  app.add_option("--label", command.label,
                 "The label behind the hash, instead of the file's name (one file only)");
  app.add_flag_callback(
      "--sha256", [&command] { command.algorithm = Algorithm::sha256; },
      "Name the content by SHA-256, not by SHA-1");
}

// The parser and the commands that it fills in.
struct Grammar {
  CLI::App app{"Share data by content, not by location. See kachery COMMAND --help."};
  Arguments common;
  StoreCommand store;
  LinkCommand link;
  LoadCommand load;
  CatCommand cat;
  InfoCommand info;
  VerifyCommand verify;

  CLI::App* add(const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_flag("--json", common.json, "Print one JSON object on standard output");
    command->add_flag("-q,--quiet", common.quiet, "No progress on standard error");
    command->add_option("--dir", common.directory, "The store's directory, instead of KACHERY_DIR");
    return command;
  }

  Grammar() {
    app.footer(std::string(kExitCodes));
    app.set_version_flag("--version", "kachery " KACHERY_VERSION);
    app.require_subcommand(1);
    CLI::App* sub = add("store", "Keep copies of files, and print their URIs");
    add_store_options(*sub, store);
    sub = add("link", "Note where files are, without a copy, and print their URIs");
    add_store_options(*sub, link.what);
    sub = add("load", "Print the path of a file's content");
    sub->add_option("uri", load.name, "sha1://HASH, sha256://HASH, or a path")->required();
    sub->add_option("--dest", load.destination, "Put a copy here, and print this path");
    sub = add("cat", "Write a file's content to standard output");
    sub->add_option("uri", cat.name, "sha1://HASH, sha256://HASH, or a path")->required();
    sub->add_option("--start", cat.start, "The first byte, counted from 0")->check(CLI::NonNegativeNumber);
    sub->add_option("--end", cat.end, "The byte behind the last one")->check(CLI::NonNegativeNumber);
    sub = add("info", "Say what is known of a file, or of the store");
    sub->add_option("uri", info.name, "sha1://HASH, sha256://HASH, or a path");
    sub = add("verify",
              "Read everything, or what is named, and check its hash; damaged objects go to quarantine/");
    sub->add_option("uri", verify.names, "sha1://HASH or sha256://HASH");
  }

  Command command() {
    if (app.got_subcommand("store")) return store;
    if (app.got_subcommand("link")) return link;
    if (app.got_subcommand("load")) return load;
    if (app.got_subcommand("cat")) return cat;
    if (app.got_subcommand("info")) return info;
    KACHERY_ASSERT(app.got_subcommand("verify"));
    return verify;
  }
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
  grammar.common.command = grammar.command();
  return std::move(grammar.common);
}

}  // namespace kachery::cli
