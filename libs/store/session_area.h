// SessionArea: one process's corner of tmp/, where files are written before they are published.
#pragma once

#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "os/clock.h"
#include "os/directory.h"

namespace kachery {

// A file that is being written. Unless `keep` was called it is removed when this object goes.
class Temporary {
 public:
  Temporary(Directory& root, std::string path, std::unique_ptr<File> file)
      : root_(&root), path_(std::move(path)), file_(std::move(file)) {}
  Temporary(Temporary&& other) noexcept
      : root_(other.root_),
        path_(std::exchange(other.path_, {})),
        file_(std::move(other.file_)),
        owner_(other.owner_) {}
  Temporary& operator=(Temporary&& other) noexcept;
  ~Temporary();

  const std::string& path() const { return path_; }
  File& file() { return *file_; }
  // Ends the writing; the file stays.
  void close() { file_.reset(); }
  // It got its place: nothing is left to remove.
  void keep() { path_.clear(); }

 private:
  Directory* root_;
  std::string path_;
  std::unique_ptr<File> file_;
  pid_t owner_ = ::getpid();  // A forked child has a copy of this object, not of the file.
};

// tmp/session-<random>/, made at the first use, and beside it tmp/session-<random>.lock, which the process
// holds while it lives; so what a killed process left can be told from what is in use. The lock comes first
// and goes last. Thread-safe. The root and the clock outlive it.
class SessionArea {
 public:
  SessionArea(Directory& root, const Clock& clock) : root_(root), clock_(clock) {}
  SessionArea(const SessionArea&) = delete;
  SessionArea& operator=(const SessionArea&) = delete;
  ~SessionArea();

  Result<Temporary> create(Access access);

  // Removes what killed processes left, once it is old enough to be sure.
  void clear_abandoned();

 private:
  Result<> begin();
  void reap(const std::string& path);

  Directory& root_;
  const Clock& clock_;
  const pid_t owner_ = ::getpid();  // As above.
  std::mutex mutex_;
  std::string path_;
  std::unique_ptr<Lock> lock_;
  std::atomic<std::uint64_t> next_ = 0;
};

}  // namespace kachery
