// Settings files: what a config.yaml says. docs/guide/configuration.md.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

// Which store and which hub: what a context says, and a file outside of its contexts.
struct Whereabouts {
  std::optional<std::filesystem::path> directory = {};  // Absolute.
  std::optional<std::string> gateway_url = {};
  std::optional<std::string> zone = {};

  bool operator==(const Whereabouts&) const = default;
};

struct Settings {
  Whereabouts whereabouts = {};
  std::optional<ByteCount> cache_limit = {};  // maxCacheSizeGiB, in bytes: times 10^9, as gen1 counted.
  std::optional<std::string> context = {};
  std::map<std::string, Whereabouts> contexts = {};
  std::vector<std::string> unknown = {};  // Keys that mean nothing to us; harmless.

  bool operator==(const Settings&) const = default;
};

// The text of a settings file; `where` is its path, for messages. Code::invalid if it is no YAML, or a value
// is of the wrong kind. Paths may begin with "~/", which stands for `home`.
Result<Settings> parse_settings(const std::string& text, const std::string& where,
                                const std::optional<std::string>& home);

// What a settings file says: nothing, if there is none. Kept in memory until the file changes, so it may be
// asked for at every call. Thread-safe. Errors as above, or as of reading.
Result<std::shared_ptr<const Settings>> read_settings(const std::filesystem::path& path);

// Changes the contexts of a user's settings file: `change` gets what it says, and may alter `context` and
// `contexts`. Everything else in the file stays as it is, but for comments. Atomic and durable; the file is
// made, with its directory, if there is none. Code::unavailable while another process changes it.
Result<> change_contexts(const std::filesystem::path& path, const std::function<Result<>(Settings&)>& change);

// HOME, else what the system knows of the user.
std::optional<std::string> home_directory();

// The value of a variable. An empty one counts as unset.
std::optional<std::string> environment(const char* name);

}  // namespace kachery
