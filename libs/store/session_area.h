// SessionArea: one process's corner of tmp/, where files are written before they are published.
#pragma once

#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "os/clock.h"
#include "os/directory.h"
#include "os/temporary.h"

namespace kachery {

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
  const pid_t owner_ = ::getpid();  // A forked child has a copy of this object, not of the folder.
  std::mutex mutex_;
  std::string path_;
  std::unique_ptr<Lock> lock_;
  std::atomic<std::uint64_t> next_ = 0;
};

}  // namespace kachery
