#include "crypto/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/error.h"

namespace kachery {

Mac hmac_sha256(ByteView key, ByteView message) {
  // An empty key is a key too; a null pointer would be none.
  static constexpr std::byte kNothing{};
  const std::byte* key_bytes = key.empty() ? &kNothing : key.data();
  Mac mac{};
  std::size_t size = 0;
  const unsigned char* made =
      EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key_bytes, key.size(),
                reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                reinterpret_cast<unsigned char*>(mac.data()), mac.size(), &size);
  KACHERY_ASSERT(made != nullptr && size == mac.size());
  return mac;
}

bool equal_in_constant_time(ByteView one, ByteView other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace kachery
