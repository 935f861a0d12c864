#include "crypto/key_pair.h"

#include <sodium.h>

#include <algorithm>

#include "core/error.h"

namespace kachery {
namespace {

static_assert(KeyPair::kSeedSize == crypto_sign_SEEDBYTES);
static_assert(NodeId::kSize == crypto_sign_PUBLICKEYBYTES);
static_assert(sizeof(Signature) == crypto_sign_BYTES);

void start_library() {
  static const int kStarted = sodium_init();
  KACHERY_ASSERT(kStarted >= 0);
}

const unsigned char* data_of(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* space_of(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

Secret expand(ByteView seed) {
  KACHERY_ASSERT(seed.size() == KeyPair::kSeedSize);
  start_library();
  Secret secret(crypto_sign_SECRETKEYBYTES);
  NodeId::Key key{};
  KACHERY_ASSERT(crypto_sign_seed_keypair(space_of(key), space_of(secret.bytes()), data_of(seed)) == 0);
  return secret;
}

NodeId public_half(const Secret& secret) {
  NodeId::Key key{};
  std::ranges::copy(secret.bytes().subspan(KeyPair::kSeedSize), key.begin());
  return NodeId(key);
}

}  // namespace

KeyPair KeyPair::generate() {
  start_library();
  Secret seed(kSeedSize);
  randombytes_buf(seed.bytes().data(), seed.bytes().size());
  return KeyPair(seed.bytes());
}

KeyPair::KeyPair(ByteView seed) : secret_(expand(seed)), node_id_(public_half(secret_)) {}

Signature KeyPair::sign(ByteView message) const {
  Signature signature{};
  KACHERY_ASSERT(crypto_sign_detached(space_of(signature), nullptr, data_of(message), message.size(),
                                      data_of(secret_.bytes())) == 0);
  return signature;
}

bool verify(const NodeId& key, ByteView message, ByteView signature) {
  start_library();
  return signature.size() == sizeof(Signature) &&
         crypto_sign_verify_detached(data_of(signature), data_of(message), message.size(),
                                     data_of(key.bytes())) == 0;
}

}  // namespace kachery
