#include "core/digest.h"

#include <algorithm>

namespace kachery {

std::string_view algorithm_name(Algorithm algorithm) {
  return algorithm == Algorithm::sha1 ? "sha1" : "sha256";
}

std::optional<Algorithm> algorithm_named(std::string_view name) {
  for (const Algorithm algorithm : kAlgorithms)
    if (name == algorithm_name(algorithm)) return algorithm;
  return std::nullopt;
}

std::size_t digest_size(Algorithm algorithm) {
  return algorithm == Algorithm::sha1 ? 20 : 32;
}

Digest::Digest(Algorithm algorithm, ByteView bytes) : algorithm_(algorithm) {
  KACHERY_ASSERT(bytes.size() == digest_size(algorithm));
  std::ranges::copy(bytes, bytes_.begin());
}

Result<Digest> Digest::parse(Algorithm algorithm, std::string_view hex) {
  std::array<std::byte, 32> bytes{};
  const auto used = std::span(bytes).first(digest_size(algorithm));
  if (!from_hex(hex, used)) {
    std::string message = "not a ";
    message += algorithm_name(algorithm);
    message += " hash (" + std::to_string(2 * used.size()) + " lower-case hexadecimal digits): \"";
    message += hex.substr(0, 80);
    message += '"';
    return fail(Code::invalid, std::move(message));
  }
  return Digest(algorithm, used);
}

}  // namespace kachery
