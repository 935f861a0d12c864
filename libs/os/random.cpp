#include "os/random.h"

#include <sys/random.h>

#include <array>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

std::string random_hex(std::size_t bytes) {
  std::array<std::byte, 128> buffer{};
  KACHERY_ASSERT(bytes <= buffer.size());
  // Up to 256 bytes getrandom gives all or, before the machine's first seeding, waits; a signal cannot cut
  // it.
  const ssize_t got = ::getrandom(buffer.data(), bytes, 0);
  KACHERY_ASSERT(got == static_cast<ssize_t>(bytes));
  return to_hex(std::span(buffer).first(bytes));
}

}  // namespace kachery
