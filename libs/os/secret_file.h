// Reading files that nobody but their owner may read. Making them: os/replacement.h; and the directories that
// they lie in: make_own_directory (os/directory.h).
#pragma once

#include <filesystem>

#include "core/error.h"
#include "core/secret.h"

namespace kachery {

// A regular file of ours, or root's, that neither the group nor others may touch: else Code::denied, with the
// command that mends it. Code::not_found; Code::corrupt if it is longer than `size_max`.
Result<Secret> read_secret_file(const std::filesystem::path& path, std::size_t size_max);

// A directory of ours, or root's, that neither the group nor others may enter: else Code::denied, with the
// command that mends it. Code::not_found; Code::invalid if it is no directory.
Result<> check_secret_directory(const std::filesystem::path& path);

// Whether there is a file that belongs to neither us nor root.
bool is_of_another_user(const std::filesystem::path& path);

}  // namespace kachery
