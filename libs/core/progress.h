// Progress: how far a long call has come, and the way to stop it.
#pragma once

#include <atomic>

#include "core/bytes.h"

namespace kachery {

// The caller owns it, watches the counts from any thread, and may set `cancel` from any thread or signal
// handler; the call then ends within a piece of work (1 MiB) with Code::cancelled and leaves nothing behind.
struct Progress {
  std::atomic<ByteCount> bytes_done = 0;
  std::atomic<ByteCount> bytes_total = 0;  // 0 where it is not known beforehand (a pipe).
  std::atomic<std::uint64_t> items_done = 0;
  std::atomic<std::uint64_t> items_total = 0;
  std::atomic<bool> cancel = false;
};

}  // namespace kachery
