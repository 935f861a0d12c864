// Digest: the name of some bytes, by SHA-1 or by SHA-256.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

enum class Algorithm : std::uint8_t { sha1, sha256 };

constexpr std::array kAlgorithms{Algorithm::sha1, Algorithm::sha256};

std::string_view algorithm_name(Algorithm algorithm);  // "sha1", "sha256": also the URI scheme.
std::optional<Algorithm> algorithm_named(std::string_view name);
std::size_t digest_size(Algorithm algorithm);  // 20 or 32 bytes.

// A value; cheap to copy and to compare. There is no empty Digest.
class Digest {
 public:
  // `bytes` has digest_size(algorithm) bytes.
  Digest(Algorithm algorithm, ByteView bytes);

  // Exactly 40 or 64 lower-case hexadecimal digits, or Code::invalid. Only what passes here ever becomes a
  // path.
  static Result<Digest> parse(Algorithm algorithm, std::string_view hex);

  Algorithm algorithm() const { return algorithm_; }
  ByteView bytes() const { return ByteView(bytes_).first(digest_size(algorithm_)); }
  std::string hex() const { return to_hex(bytes()); }

  auto operator<=>(const Digest&) const = default;

 private:
  Algorithm algorithm_;
  std::array<std::byte, 32> bytes_{};
};

}  // namespace kachery
