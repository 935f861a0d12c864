#include "crypto/hmac.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "crypto/hasher.h"

namespace kachery {

// RFC 2104 over Hasher: OpenSSL's own looks the method up by name each time, which costs more than the hash.
Mac hmac_sha256(ByteView key, ByteView message) {
  constexpr std::size_t kBlockSize = 64;
  std::array<std::byte, kBlockSize> block{};
  const auto padded = [&](std::byte pad) {
    std::array<std::byte, kBlockSize> part = block;
    for (std::byte& byte : part) byte ^= pad;
    return part;
  };
  if (key.size() > kBlockSize) {
    std::ranges::copy(Hasher::of(Algorithm::sha256, key).bytes(), block.begin());
  } else {
    std::ranges::copy(key, block.begin());
  }
  auto inner = padded(std::byte{0x36});
  auto outer = padded(std::byte{0x5C});

  Hasher hasher(Algorithm::sha256);
  hasher.update(inner);
  hasher.update(message);
  const Digest of_message = hasher.finish();
  hasher = Hasher(Algorithm::sha256);
  hasher.update(outer);
  hasher.update(of_message.bytes());
  Mac mac{};
  std::ranges::copy(hasher.finish().bytes(), mac.begin());
  for (auto* secret : {&block, &inner, &outer}) OPENSSL_cleanse(secret->data(), secret->size());
  return mac;
}

bool equal_in_constant_time(ByteView one, ByteView other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace kachery
