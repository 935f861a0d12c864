// Message: what whoever reads a subfeed gets, of either generation.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "feed/tree.h"

namespace kachery::feed {

struct Message {
  TreeSize number = 0;
  std::int64_t timestamp_ms = 0;  // Since 1970, UTC, by the writer's clock.
  std::string text = {};          // JSON.
  // The bytes that were signed for it: the entry; of the first generation, the signed message, with its
  // signature.
  std::string entry = {};
};

// Which messages to read.
struct ReadRange {
  TreeSize next = 0;
  TreeSize count_max = std::numeric_limits<TreeSize>::max();
  // No more once there are so many bytes; but one in any case.
  ByteCount bytes_max = 64 << 20;
};

}  // namespace kachery::feed
