#include "client/throttle.h"

#include <algorithm>

#include "net/retry.h"
#include "store/pump.h"

namespace kachery {
namespace {

constexpr std::chrono::milliseconds kBurst{100};

}  // namespace

Throttle::Throttle(ByteCount bytes_per_second)
    : seconds_per_byte_(1.0 / static_cast<double>(bytes_per_second)) {
  KACHERY_ASSERT(bytes_per_second > 0);
}

Result<> Throttle::take(ByteCount bytes, const std::atomic<bool>& cancel) {
  const std::chrono::duration<double> costs(static_cast<double>(bytes) * seconds_per_byte_);
  Clock::time_point mine;
  {
    const std::scoped_lock lock(mutex_);
    free_at_ = std::max(free_at_, Clock::now() - kBurst) + std::chrono::ceil<Clock::duration>(costs);
    mine = free_at_;
  }
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(mine - Clock::now());
  if (wait.count() > 0 && !sleep_unless(cancel, wait)) return fail_cancelled();
  return {};
}

}  // namespace kachery
