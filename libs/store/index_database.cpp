#include "store/index_database.h"

#include <cstring>

#include "crypto/hasher.h"

namespace kachery {

std::int64_t row_check(std::span<const std::uint64_t> numbers, ByteView bytes) {
  Hasher hasher(Algorithm::sha256);
  hasher.update(std::as_bytes(numbers));
  hasher.update(bytes);
  std::int64_t check = 0;
  std::memcpy(&check, hasher.finish().bytes().data(), sizeof check);
  return check;
}

}  // namespace kachery
