// Throttle: keeps what many threads send together under so many bytes a second.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

// Thread-safe. After a pause it lets through what a tenth of a second would have let through, and no more.
class Throttle {
 public:
  explicit Throttle(ByteCount bytes_per_second);

  // Waits until `bytes` more may be sent: each takes its turn, however much it is. Code::cancelled.
  Result<> take(ByteCount bytes, const std::atomic<bool>& cancel);

 private:
  using Clock = std::chrono::steady_clock;

  const double seconds_per_byte_;
  std::mutex mutex_;
  Clock::time_point free_at_ = Clock::now();  // When what was taken so far has been let through.
};

}  // namespace kachery
