// JSON values, a strict parser and a compact printer. Text is UTF-8; objects keep the order of their members.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"

namespace kachery::json {

class Value;
using Array = std::vector<Value>;
using Member = std::pair<std::string, Value>;
using Object = std::vector<Member>;

// One of the kinds of JSON; integers that fit stay exact. A value: copies are deep.
class Value {
 public:
  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool value) : data_(value) {}
  Value(std::int64_t value) : data_(value) {}
  Value(std::uint64_t value) : data_(value) {}
  Value(int value) : data_(std::int64_t{value}) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(Array value) : data_(std::move(value)) {}
  Value(Object value) : data_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }

  // Null where the value is of another kind. An integer may be asked for as any number type that holds it.
  const bool* if_bool() const { return std::get_if<bool>(&data_); }
  const std::string* if_string() const { return std::get_if<std::string>(&data_); }
  const Array* if_array() const { return std::get_if<Array>(&data_); }
  const Object* if_object() const { return std::get_if<Object>(&data_); }
  std::optional<std::int64_t> as_int64() const;
  std::optional<std::uint64_t> as_uint64() const;
  std::optional<double> as_double() const;

  // The member of an object, or null where there is none or this is no object.
  const Value* find(std::string_view key) const;

  // Compact, one line. Bytes that are not UTF-8 are written as Python's json module writes them, \udc80 to
  // \udcff (PEP 383), so that file names of any bytes survive and older programs read them.
  std::string str() const;
  // The same, behind what is there.
  void append_to(std::string& out) const;

  bool operator==(const Value&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> data_;
};

// Escaped bytes, as `str` writes them, become those bytes again with `yes`; otherwise they are an error.
enum class EscapedBytes { no, yes };

// Strict RFC 8259: one value, no duplicate keys, no more than 32 levels, no invalid UTF-8. Code::corrupt
// otherwise, naming the place.
Result<Value> parse(std::string_view text, EscapedBytes escaped_bytes = EscapedBytes::no);

// The text as it is, numbers and the order of members included, but without spaces between its parts. Errors
// as of `parse`.
Result<std::string> compact(std::string_view text);

// The one text that equal values share: RFC 8785, which is also gen1's canonical JSON. Members are sorted,
// and numbers are doubles, printed as JavaScript does. Text must be UTF-8, numbers finite, as `parse` gives
// them.
std::string canonical(const Value& value);

// Whether every integer in `text`, which parses, is within +-(2^53-1), where doubles tell neighbours apart.
// If not, canonical() may give two values the same text.
bool integers_are_exact(std::string_view text);

}  // namespace kachery::json
