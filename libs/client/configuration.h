// Configuration: which directories this process works with, and who said so.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"

namespace kachery {

struct Configuration {
  std::filesystem::path directory;  // Of the store; absolute; may not exist yet.
  std::string directory_origin;     // "KACHERY_DIR", ..., "default".
  // Directories of older programs: searched after `directory`, never written to.
  std::vector<std::filesystem::path> also_read = {};
  std::filesystem::path state_directory = {};  // KACHERY_STATE_DIR, else ~/.local/state/kachery.
  // In a sandbox, the directories that it stands in for: nothing of them is seen but the keys. Else empty.
  std::vector<std::filesystem::path> sandbox_of = {};

  bool operator==(const Configuration&) const = default;
};

// KACHERY_DIR, else KACHERY_CLOUD_DIR, else KACHERY_STORAGE_DIR, else ~/.kachery; in the last case also_read
// has those of ~/.kachery-cloud and ~/kachery-storage that exist. An empty variable counts as unset.
// With KACHERY_CLOUD_USE_SANDBOX=1, KACHERY_CLOUD_SANDBOX_DIR stands in for all of them (kachery_cloud's
// use_sandbox, which sets both for itself and the processes that it starts).
// Code::invalid if there is not even a home directory.
Result<Configuration> configuration_from_environment();

// Where the databases of this store lie: in its directory, or, where that is on a network file system, in
// one of its own under the state directory. Code::invalid if that is remote too; the message names
// KACHERY_STATE_DIR.
Result<std::filesystem::path> database_directory(const Configuration& configuration);

// Where the key pair of this store's node lies, or would be made; then where the keys of older programs lie,
// which are used if there is none. Never in a directory that others may write to, or a remote one: then the
// first is under the state directory.
Result<std::vector<std::filesystem::path>> key_directories(const Configuration& configuration);

}  // namespace kachery
