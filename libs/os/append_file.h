// AppendFile: a file outside the store that only grows at its end, such as a log.
#pragma once

#include <filesystem>
#include <memory>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

// One thread at a time, and one process: two that append to one file would not know of each other's lines.
class AppendFile {
 public:
  AppendFile(AppendFile&&) noexcept;
  AppendFile& operator=(AppendFile&&) noexcept;
  ~AppendFile();

  // Opens it, or makes it, durably and so that only its owner may read it. Code::invalid if it is no regular
  // file.
  static Result<AppendFile> open(const std::filesystem::path& path);

  // All of `bytes`, durably, or none: after a failure the file is cut back to what it was, as far as the disk
  // lets us, and must be opened again before anything else is appended.
  Result<> append(ByteView bytes);

 private:
  struct State;
  explicit AppendFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kachery
