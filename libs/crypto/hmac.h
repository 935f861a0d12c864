// HMAC-SHA256 (RFC 2104), and comparing without telling how much was right.
#pragma once

#include <array>

#include "core/bytes.h"

namespace kachery {

using Mac = std::array<std::byte, 32>;

Mac hmac_sha256(ByteView key, ByteView message);

// Takes as long wherever they differ. Of unequal lengths: false at once.
bool equal_in_constant_time(ByteView one, ByteView other);

}  // namespace kachery
