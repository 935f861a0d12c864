#include "crypto/hasher.h"

#include <openssl/evp.h>

#include "core/error.h"

namespace kachery {
namespace {

struct FreeMethod {
  void operator()(EVP_MD* method) const { EVP_MD_free(method); }
};

// Fetched once: looking a method up by name costs more than hashing a small file.
const EVP_MD* method_of(Algorithm algorithm) {
  static const std::unique_ptr<EVP_MD, FreeMethod> sha1(EVP_MD_fetch(nullptr, "SHA1", nullptr));
  static const std::unique_ptr<EVP_MD, FreeMethod> sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  const EVP_MD* method = algorithm == Algorithm::sha1 ? sha1.get() : sha256.get();
  KACHERY_ASSERT(method != nullptr);
  return method;
}

}  // namespace

struct Hasher::State {
  State() : context(EVP_MD_CTX_new()) { KACHERY_ASSERT(context != nullptr); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }

  EVP_MD_CTX* context;
};

Hasher::Hasher(Algorithm algorithm) : algorithm_(algorithm), state_(std::make_unique<State>()) {
  KACHERY_ASSERT(EVP_DigestInit_ex2(state_->context, method_of(algorithm), nullptr) == 1);
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(ByteView bytes) {
  KACHERY_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  KACHERY_ASSERT(EVP_DigestFinal_ex(state_->context, out.data(), &size) == 1);
  return {algorithm_, std::as_bytes(std::span(out).first(size))};
}

Digest Hasher::of(Algorithm algorithm, ByteView bytes) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace kachery
