// Configuration: which directories and which hub this process works with, and who said so.
// docs/guide/configuration.md has the whole table.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

// A value and who gave it: a flag, a variable, "context NAME", the path of a settings file, or "default".
template <class T>
struct Sourced {
  T value;
  std::string origin = "default";

  bool operator==(const Sourced&) const = default;
};

struct Configuration {
  std::filesystem::path directory;  // Of the store; absolute; may not exist yet.
  std::string directory_origin;
  // Directories of older programs: searched after `directory`, never written to.
  std::vector<std::filesystem::path> also_read = {};
  std::filesystem::path state_directory = {};  // For what must not lie on a network file system.
  std::string state_origin = "default";
  Sourced<std::filesystem::path> user_directory = {};  // Of the user's config.yaml.
  Sourced<std::string> gateway_url = {};               // Without "/" at its end; empty: there is no hub.
  Sourced<std::string> zone = {"default"};
  Sourced<std::string> context = {};  // Empty: none.
  bool offline = false;               // Nobody else is to be asked for anything.
  // Where keys are, where that is not `directory` and `also_read`: of a sandbox, the ordinary places.
  std::vector<std::filesystem::path> keys_in = {};

  bool operator==(const Configuration&) const = default;
};

// What was said on a command line; empty for nothing.
struct Flags {
  std::string directory = {};
  std::string context = {};
};

// Flags, a context named by a flag, the environment, the context in use, the store's config.yaml, the user's
// config.yaml, what holds without all these: the first that says something counts, for each setting. Cheap;
// thread-safe. Code::invalid for settings that make no sense, with a message that says where they stand.
Result<Configuration> configure(const Flags& flags);

// The same without flags.
Result<Configuration> configuration_from_environment();

// The path of the user's config.yaml, which may not exist. Code::invalid without a home directory.
Result<std::filesystem::path> user_settings_path();

// How many bytes of fetched content the store may keep: maxCacheSizeGiB of the store's config.yaml, its gen1
// kachery.yaml, or the user's config.yaml. Nothing: there is no limit.
Result<Sourced<std::optional<ByteCount>>> cache_limit(const Configuration& configuration);

// Where the databases of this store lie: in its directory, or, where that is on a network file system, in
// one of its own under the state directory. Code::invalid if that is remote too; the message names
// KACHERY_STATE_DIR. Makes nothing: whoever puts something there makes the directory first, with mode 0700.
Result<std::filesystem::path> database_directory(const Configuration& configuration);

// Where the key pair of this store's node lies, or would be made; then where other keys lie, of older
// programs or in the store's directory, which are used if there is none. The first is never a directory that
// others may write to, or a remote one: then it is under the state directory, as above.
Result<std::vector<std::filesystem::path>> key_directories(const Configuration& configuration);

// The decision behind these two. `directory` itself if it serves; otherwise the store's own place in `state`,
// named by a hash of the path, unless that does not serve either.
struct Place {
  std::filesystem::path path;
  bool serves;
};
Result<std::filesystem::path> choose_place(const Place& directory, const Place& state);

}  // namespace kachery
