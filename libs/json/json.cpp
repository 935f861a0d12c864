#include "json/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/text.h"

namespace kachery::json {
namespace {

void print_number(std::string& out, double value) {
  KACHERY_ASSERT(std::isfinite(value));
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  KACHERY_ASSERT(error == std::errc());
  const std::string_view text(buffer.data(), end);
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos)
    out += ".0";  // So that it comes back as the same kind.
}

void print_escape(std::string& out, unsigned code) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[(code >> shift) & 0xF];
}

// Printable ASCII that needs no escape: nearly everything.
bool is_plain(char c) {
  return c >= ' ' && c < 0x7F && c != '"' && c != '\\';
}

void print_string(std::string& out, std::string_view text) {
  out += '"';
  for (;;) {
    const auto plain = static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::size_t size = utf8_sequence_size(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (size == 0) {
      print_escape(out, 0xDC00U + first);
    } else if (size == 1 && (first == '"' || first == '\\')) {
      out += '\\';
      out += text[0];
    } else if (size == 1 && (first < 0x20 || first == 0x7F)) {
      print_escape(out, first);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  out += '"';
}

struct Printer {
  std::string& out;

  void operator()(std::monostate) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { out += std::to_string(value); }
  void operator()(std::uint64_t value) const { out += std::to_string(value); }
  void operator()(double value) const { print_number(out, value); }
  void operator()(const std::string& value) const { print_string(out, value); }
  void operator()(const Array& value) const {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      value[i].append_to(out);
    }
    out += ']';
  }
  void operator()(const Object& value) const {
    out += '{';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      print_string(out, value[i].first);
      out += ':';
      value[i].second.append_to(out);
    }
    out += '}';
  }
};

}  // namespace

std::optional<std::int64_t> Value::as_int64() const {
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return *value;
  const auto* value = std::get_if<std::uint64_t>(&data_);
  if (value != nullptr && std::in_range<std::int64_t>(*value)) return static_cast<std::int64_t>(*value);
  return std::nullopt;
}

std::optional<std::uint64_t> Value::as_uint64() const {
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return *value;
  const auto* value = std::get_if<std::int64_t>(&data_);
  if (value != nullptr && *value >= 0) return static_cast<std::uint64_t>(*value);
  return std::nullopt;
}

std::optional<double> Value::as_double() const {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return static_cast<double>(*value);
  return std::nullopt;
}

const Value* Value::find(std::string_view key) const {
  const Object* object = if_object();
  if (object == nullptr) return nullptr;
  const auto member = std::ranges::find(*object, key, &Member::first);
  return member == object->end() ? nullptr : &member->second;
}

std::string Value::str() const {
  std::string out;
  append_to(out);
  return out;
}

void Value::append_to(std::string& out) const {
  std::visit(Printer{out}, data_);
}

}  // namespace kachery::json
