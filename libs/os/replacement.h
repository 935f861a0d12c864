// A file of the user's that is replaced at once, or not at all.
#pragma once

#include <filesystem>
#include <memory>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

// What was appended becomes the file at commit(), durably; destroyed without it, everything is as before.
class Replacement {
 public:
  virtual ~Replacement() = default;

  virtual Result<> append(ByteView bytes) = 0;
  virtual Result<> commit() = 0;
};

// With the mode that any new file of the user's gets. `path` is absolute; its directory exists.
Result<std::unique_ptr<Replacement>> replace_user_file(const std::filesystem::path& path);

}  // namespace kachery
