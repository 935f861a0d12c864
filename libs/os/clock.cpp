#include "os/clock.h"

#include <chrono>

namespace kachery {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t now_ns() const override {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count();
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace kachery
