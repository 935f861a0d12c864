// A file outside the store that appears, or is replaced, at once or not at all.
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

// The same, but only its owner may read and write it, whatever was there before.
Result<std::unique_ptr<Replacement>> replace_secret_file(const std::filesystem::path& path);

// A new file that only its owner may read and write, from its first moment on. commit() never replaces what
// is there: Code::exists.
Result<std::unique_ptr<Replacement>> create_secret_file(const std::filesystem::path& path);

}  // namespace kachery
