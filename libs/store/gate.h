// Gate: whoever publishes goes through it together with others, whoever deletes goes alone.
#pragma once

#include <memory>

#include "core/progress.h"
#include "os/directory.h"

namespace kachery {

// Objects need no lock among those who store and load. But "it is there already, so nothing needs to be
// written" and "nobody wants it, so it is deleted" must not happen at the same time: the first is said with
// the gate held together, the second with the gate held alone. The kernel gives it back when a process ends.
// Thread-safe; the root outlives it.
class Gate {
 public:
  explicit Gate(Directory& root) : root_(root) {}

  // Waits for a deletion that is going on: a few milliseconds. Code::timed_out after a minute.
  Result<std::unique_ptr<Lock>> pass() const;

  // Waits until nobody is inside. Code::unavailable if others keep it busy for 30 s, Code::cancelled.
  Result<std::unique_ptr<Lock>> close(const Progress& progress) const;

 private:
  Result<> make() const;
  Result<std::unique_ptr<Lock>> take(Hold hold) const;

  Directory& root_;
};

}  // namespace kachery
