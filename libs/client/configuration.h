// Configuration: which directory, and who said so.
#pragma once

#include <filesystem>
#include <string>

#include "core/error.h"

namespace kachery {

struct Configuration {
  std::filesystem::path directory;  // Of the store; may not exist yet.
  std::string directory_origin;     // "KACHERY_DIR", ..., "default".
};

// KACHERY_DIR, else KACHERY_CLOUD_DIR, else KACHERY_STORAGE_DIR, else ~/.kachery. An empty variable counts as
// unset. Code::invalid if there is not even a home directory.
Result<Configuration> configuration_from_environment();

}  // namespace kachery
