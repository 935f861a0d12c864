// The field Range, of one range of bytes. RFC 9110 section 14.
#pragma once

#include <optional>
#include <string_view>

#include "core/bytes.h"

namespace kachery::hub {

struct RangeAnswer {
  enum class What { whole, part, unsatisfiable };
  What what;
  ByteRange range;  // Of the whole, or of the part.
};

// What to send of `size` bytes, by the value of Range. What is not understood, or has several ranges, is as
// if it were not there.
RangeAnswer range_answer(std::string_view field, ByteCount size);

}  // namespace kachery::hub
