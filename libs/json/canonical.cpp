// RFC 8785. Where it and ECMAScript leave nothing open, neither does this: equal bytes for equal values, in
// every language.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/text.h"
#include "json/json.h"

namespace kachery::json {
namespace {

constexpr std::int64_t kExactMax = (std::int64_t{1} << 53) - 1;

// UTF-8 sorts by code point, UTF-16 by its units: there, characters beyond U+FFFF (first byte F0 and more)
// come before U+E000 to U+FFFF (first byte EE and EF). Texts of either kind first differ at the same
// character.
unsigned utf16_rank(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == 0xEE || byte == 0xEF ? byte + 0x10U : byte;
}

bool sorts_before(const Member* one, const Member* other) {
  return std::ranges::lexicographical_compare(one->first, other->first, {}, utf16_rank, utf16_rank);
}

void print_string(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::string_view kShort = "\b\t\n\f\r\"\\";
  constexpr std::string_view kShortNames = "btnfr\"\\";
  KACHERY_ASSERT(is_utf8(text));
  out += '"';
  for (const char c : text) {
    const std::size_t place = kShort.find(c);
    if (place != std::string_view::npos) {
      out += '\\';
      out += kShortNames[place];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 0xF];
    } else {
      out += c;
    }
  }
  out += '"';
}

// ECMAScript, Number::toString: the shortest digits that come back as the same double, laid out by their
// exponent.
void print_number(std::string& out, double value) {
  KACHERY_ASSERT(std::isfinite(value));
  if (value == 0) {
    out += '0';  // Also for -0.
    return;
  }
  std::array<char, 32> buffer{};  // "d.ddde+xx"
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(value),
                                          std::chars_format::scientific);
  KACHERY_ASSERT(error == std::errc());
  const std::string_view text(buffer.data(), end);
  const std::size_t mark = text.find('e');
  std::string digits(text.substr(0, mark));
  std::erase(digits, '.');
  int exponent = 0;
  std::from_chars(buffer.data() + mark + (text[mark + 1] == '+' ? 2 : 1), end, exponent);

  if (value < 0) out += '-';
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // How many digits are before it.
  if (count <= point && point <= 21) {
    out += digits + std::string(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out += digits.insert(static_cast<std::size_t>(point), 1, '.');
  } else if (-6 < point && point <= 0) {
    out += "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  } else {
    if (count > 1) digits.insert(1, 1, '.');
    out += digits + (exponent < 0 ? "e-" : "e+") + std::to_string(std::abs(exponent));
  }
}

void print(std::string& out, const Value& value) {
  if (value.is_null()) {
    out += "null";
  } else if (const bool* truth = value.if_bool()) {
    out += *truth ? "true" : "false";
  } else if (const auto number = value.as_double()) {
    print_number(out, *number);
  } else if (const std::string* text = value.if_string()) {
    print_string(out, *text);
  } else if (const Array* array = value.if_array()) {
    out += '[';
    for (const Value& item : *array) {
      if (&item != array->data()) out += ',';
      print(out, item);
    }
    out += ']';
  } else {
    std::vector<const Member*> members;
    for (const Member& member : *value.if_object()) members.push_back(&member);
    std::ranges::sort(members, sorts_before);
    out += '{';
    for (const Member* member : members) {
      if (member != members.front()) out += ',';
      print_string(out, member->first);
      out += ':';
      print(out, member->second);
    }
    out += '}';
  }
}

}  // namespace

std::string canonical(const Value& value) {
  std::string out;
  print(out, value);
  return out;
}

bool integers_are_exact(std::string_view text) {
  constexpr std::string_view kNumber = "+-.0123456789eE";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      for (++i; text[i] != '"'; ++i)
        if (text[i] == '\\') ++i;
    } else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
      const std::string_view number = text.substr(i, text.find_first_not_of(kNumber, i) - i);
      i += number.size() - 1;
      if (number.find_first_of(".eE") != std::string_view::npos) continue;
      std::int64_t value = 0;
      const auto outcome = std::from_chars(number.data(), number.data() + number.size(), value);
      if (outcome.ec != std::errc() || value > kExactMax || value < -kExactMax) return false;
    }
  }
  return true;
}

}  // namespace kachery::json
