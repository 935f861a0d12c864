// Bytes as they are passed around: views, sizes, ranges, and how they are written as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kachery {

using ByteView = std::span<const std::byte>;
using ByteCount = std::uint64_t;

// Bytes [start, end) of something.
struct ByteRange {
  ByteCount start = 0;
  ByteCount end = 0;

  ByteCount size() const { return end - start; }
  bool operator==(const ByteRange&) const = default;
};

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Two lower-case digits a byte.
std::string to_hex(ByteView bytes);

// Fills `out` from exactly 2 * out.size() lower-case digits; false for anything else.
bool from_hex(std::string_view text, std::span<std::byte> out);

// Base64 with its padding (RFC 4648 section 4).
std::string to_base64(ByteView bytes);

// Fills `out` from the one text that to_base64 gives for so many bytes; false for anything else.
bool from_base64(std::string_view text, std::span<std::byte> out);

}  // namespace kachery
