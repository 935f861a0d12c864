// Numbers as our text formats have them: digits only, and no zeros before others.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kachery::feed {

inline std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace kachery::feed
