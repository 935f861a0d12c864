// FileWatch: waiting until another process says that something has happened to a file.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "core/error.h"

namespace kachery {

// One thread at a time. Local file systems only (inotify).
class FileWatch {
 public:
  // What happens from now on is not missed. Code::not_found.
  static Result<FileWatch> open(const std::filesystem::path& path);

  FileWatch(FileWatch&&) noexcept;
  FileWatch& operator=(FileWatch&&) noexcept;
  ~FileWatch();

  // True when somebody has signalled, or replaced or removed the file, since this was last true; false when
  // the time is up.
  Result<bool> wait(std::chrono::milliseconds timeout);

 private:
  struct State;
  explicit FileWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Wakes those who watch the file, by setting its modification time. Whoever may not write to it wakes nobody.
void signal_watchers(const std::filesystem::path& path);

}  // namespace kachery
