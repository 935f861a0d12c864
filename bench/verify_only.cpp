// Checks signatures and nothing else: verify_only COUNT. By libsodium, one thread, messages as long as what a
// request to a hub signs. The floor under a hub that answers signed requests.
#include <sodium.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::size_t kMessageBytes = 400;
constexpr std::size_t kMessages = 256;

struct Signed {
  std::array<unsigned char, kMessageBytes> message;
  std::array<unsigned char, crypto_sign_BYTES> signature;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || sodium_init() < 0) {
    std::fputs("usage: verify_only COUNT\n", stderr);
    return 2;
  }
  const std::size_t count = std::strtoul(argv[1], nullptr, 10);
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> key{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
  crypto_sign_keypair(key.data(), secret.data());
  std::vector<Signed> all(kMessages);
  for (Signed& one : all) {
    randombytes_buf(one.message.data(), one.message.size());
    crypto_sign_detached(one.signature.data(), nullptr, one.message.data(), one.message.size(),
                         secret.data());
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Signed& one = all[i % kMessages];
    if (crypto_sign_verify_detached(one.signature.data(), one.message.data(), one.message.size(),
                                    key.data()) != 0)
      return 1;
  }
  return 0;
}
