// Clock: what time it is, so that tests can say so too.
#pragma once

#include <cstdint>

namespace kachery {

class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since 1970, UTC, by this machine: comparable with the times of its files.
  virtual std::int64_t now_ns() const = 0;
};

// The system's clock. Stateless, lives for ever.
const Clock& system_clock();

}  // namespace kachery
