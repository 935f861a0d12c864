#include "core/bytes.h"

#include <algorithm>

namespace kachery {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte >> 4)];
    text += kDigits[std::to_integer<unsigned>(byte & std::byte{0xf})];
  }
  return text;
}

bool from_hex(std::string_view text, std::span<std::byte> out) {
  if (text.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

std::string to_base64(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), 3))) {
    const std::size_t here = std::min<std::size_t>(bytes.size(), 3);
    unsigned group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < here ? std::to_integer<unsigned>(bytes[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) text += i <= here ? kBase64[group >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

bool from_base64(std::string_view text, std::span<std::byte> out) {
  if (text.size() != (out.size() + 2) / 3 * 4) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    // Byte i of three is the end of one digit and the beginning of the next.
    const std::size_t place = i / 3 * 4 + i % 3;
    const std::size_t high = kBase64.find(text[place]);
    const std::size_t low = kBase64.find(text[place + 1]);
    if (high == kBase64.npos || low == kBase64.npos) return false;
    out[i] = static_cast<std::byte>(high << (2 + 2 * (i % 3)) | low >> (4 - 2 * (i % 3)));
  }
  // The padding, and the bits behind the last byte.
  return to_base64(out) == text;
}

}  // namespace kachery
