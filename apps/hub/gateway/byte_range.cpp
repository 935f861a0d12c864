#include "hub/gateway/byte_range.h"

#include <algorithm>
#include <charconv>

namespace kachery::hub {
namespace {

constexpr std::string_view kUnit = "bytes=";

// Digits only; none for anything else, and for what does not fit.
std::optional<ByteCount> number_in(std::string_view text) {
  ByteCount number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

RangeAnswer last_bytes(ByteCount count, ByteCount size) {
  if (count == 0 || size == 0) return {RangeAnswer::What::unsatisfiable, {}};
  return {RangeAnswer::What::part, {size - std::min(count, size), size}};
}

}  // namespace

RangeAnswer range_answer(std::string_view field, ByteCount size) {
  const RangeAnswer whole{RangeAnswer::What::whole, {0, size}};
  if (!field.starts_with(kUnit)) return whole;
  field.remove_prefix(kUnit.size());
  const std::size_t dash = field.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view first_text = field.substr(0, dash);
  const std::string_view last_text = field.substr(dash + 1);
  const std::optional<ByteCount> first = number_in(first_text);
  const std::optional<ByteCount> last = number_in(last_text);
  if (first_text.empty()) return last ? last_bytes(*last, size) : whole;
  if (!first || (!last && !last_text.empty()) || (last && *last < *first)) return whole;
  if (*first >= size) return {RangeAnswer::What::unsatisfiable, {}};
  return {RangeAnswer::What::part, {*first, last ? std::min(*last, size - 1) + 1 : size}};
}

}  // namespace kachery::hub
