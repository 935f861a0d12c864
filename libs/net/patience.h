// Patience: how long a peer is waited for. Only the time that is spent waiting for it counts, never ours.
#pragma once

#include <chrono>
#include <optional>

#include "net/server.h"

namespace kachery {

using TimePoint = std::chrono::steady_clock::time_point;

// One of a connection. Looked at by the server some times a second, so that a wait costs no timer.
class Patience {
 public:
  explicit Patience(const ServerLimits& limits) : limits_(limits) {}  // They outlive it.

  // Until then something must be there as a whole, whatever waits it takes: a head.
  void expect_by(TimePoint deadline) {
    deadline_ = deadline;
    measures_rate_ = false;
  }
  // From now on bytes of a body come or go.
  void expect_flow() {
    deadline_.reset();
    measures_rate_ = true;
    waited_ = {};
    bytes_ = 0;
  }
  // No end: while the handler works.
  void expect_nothing() { deadline_.reset(); }

  void begin_wait(TimePoint now) { waits_since_ = now; }
  void end_wait(TimePoint now, std::size_t bytes) {
    if (measures_rate_) {
      waited_ += now - *waits_since_;
      bytes_ += bytes;
      if (waited_ >= limits_.body_rate_time && !is_slow(waited_)) {
        waited_ = {};
        bytes_ = 0;
      }
    }
    waits_since_.reset();
  }

  bool is_over(TimePoint now) const {
    if (!waits_since_) return false;
    if (deadline_) return now >= *deadline_;
    if (!measures_rate_) return false;
    const auto wait = now - *waits_since_;
    return wait >= limits_.stall_wait_max ||
           (waited_ + wait >= limits_.body_rate_time && is_slow(waited_ + wait));
  }

 private:
  bool is_slow(std::chrono::steady_clock::duration waited) const {
    const double seconds = std::chrono::duration<double>(waited).count();
    return static_cast<double>(bytes_) < static_cast<double>(limits_.body_rate_min) * seconds;
  }

  const ServerLimits& limits_;
  std::optional<TimePoint> deadline_;
  std::optional<TimePoint> waits_since_;
  bool measures_rate_ = false;
  std::chrono::steady_clock::duration waited_{};
  ByteCount bytes_ = 0;
};

}  // namespace kachery
