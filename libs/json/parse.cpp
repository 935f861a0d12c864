// The strict parser, built on Boost.JSON's event parser: it checks the grammar and the UTF-8, we add what RFC
// 8259 leaves to the reader (duplicate keys) and build our own values.
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "core/text.h"
#include "json/json.h"

namespace kachery::json {
namespace {

constexpr std::size_t kDepthMax = 32;

// Escaped bytes \udc80 to \udcff stand alone, which the grammar forbids. While parsing they are U+10FF80 to
// U+10FFFF, private characters that no file name has; a text that does have them loses nothing but its link.
constexpr std::string_view kFirstHalf = "\\udbff\\udf";

bool is_escaped_byte(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return false;
  std::string lower;
  for (const char c : text.substr(2, 4)) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return lower.starts_with("dc") && std::string_view("89abcdef").contains(lower[2]);
}

std::string mark_escaped_bytes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool after_half = out.size() >= 6 && out.substr(out.size() - 6, 3) == "\\ud" && text[i] == '\\' &&
                            std::string_view("89abAB").contains(out[out.size() - 3]);
    if (!after_half && is_escaped_byte(text.substr(i))) {
      out += kFirstHalf;
      out += text.substr(i + 4, 2);
      i += 5;
    } else {
      out += text[i];
      if (text[i] == '\\' && i + 1 < text.size()) out += text[++i];  // Never half of an escape.
    }
  }
  return out;
}

// U+10FF80 is F4 8F BE 80 in UTF-8, U+10FFFF is F4 8F BF BF.
std::string unmark_escaped_bytes(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = std::max<std::size_t>(utf8_sequence_size(text), 1);
    if (size == 4 && (text.starts_with("\xF4\x8F\xBE") || text.starts_with("\xF4\x8F\xBF"))) {
      const int high = text[2] == '\xBE' ? 0x80 : 0xC0;
      out += static_cast<char>(high + (static_cast<unsigned char>(text[3]) & 0x3F));
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

// Boost.JSON calls these as it reads. A false result ends the parse with the error set.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  using Error = boost::json::error_code;
  using Text = boost::json::string_view;

  explicit Builder(EscapedBytes escaped_bytes) : escaped_bytes_(escaped_bytes) {}

  Value take() { return std::move(root_); }

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) {
    open_.emplace_back(Open{Object{}, {}, {}});
    return true;
  }
  bool on_object_end(std::size_t, Error&) { return close(); }
  bool on_array_begin(Error&) {
    open_.emplace_back(Open{Array{}, {}, {}});
    return true;
  }
  bool on_array_end(std::size_t, Error&) { return close(); }
  bool on_key_part(Text text, std::size_t, Error&) { return part(text); }
  bool on_key(Text text, std::size_t, Error& error) {
    part(text);
    open_.back().key = take_text();
    if (open_.back().keys.insert(open_.back().key).second) return true;
    error = boost::json::error::not_object;  // Said better by `duplicate_key`.
    duplicate_key = open_.back().key;
    return false;
  }
  bool on_string_part(Text text, std::size_t, Error&) { return part(text); }
  bool on_string(Text text, std::size_t, Error&) {
    part(text);
    return add(take_text());
  }
  bool on_number_part(Text text, Error&) { return part(text); }
  bool on_int64(std::int64_t value, Text, Error&) { return add_number(value); }
  bool on_uint64(std::uint64_t value, Text, Error&) { return add_number(value); }
  // Boost.JSON 1.81 may miss the nearest double by one unit in the last place; the standard library does not.
  bool on_double(double roughly, Text text, Error& error) {
    part(text);
    double value = roughly;
    const auto [end, failure] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (failure == std::errc()) return add_number(value);
    if (std::abs(roughly) < 1) return add_number(0.0);  // Too small for a double.
    error = boost::json::error::exponent_overflow;
    return false;
  }
  bool on_bool(bool value, Error&) { return add(value); }
  bool on_null(Error&) { return add(nullptr); }
  bool on_comment_part(Text, Error&) { return true; }
  bool on_comment(Text, Error&) { return true; }

  std::optional<std::string> duplicate_key;

 private:
  // An object or array that is being read.
  struct Open {
    std::variant<Array, Object> items;
    std::string key;
    std::set<std::string> keys;
  };

  bool part(Text text) {
    text_.append(text.data(), text.size());
    return true;
  }

  bool add_number(Value value) {
    text_.clear();
    return add(std::move(value));
  }

  std::string take_text() {
    std::string text = std::exchange(text_, {});
    return escaped_bytes_ == EscapedBytes::yes ? unmark_escaped_bytes(text) : text;
  }

  bool add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* array = std::get_if<Array>(&open_.back().items)) {
      array->push_back(std::move(value));
    } else {
      std::get<Object>(open_.back().items).emplace_back(std::move(open_.back().key), std::move(value));
    }
    return true;
  }

  bool close() {
    auto items = std::move(open_.back().items);
    open_.pop_back();
    return std::visit([this](auto& closed) { return add(Value(std::move(closed))); }, items);
  }

  EscapedBytes escaped_bytes_;
  std::vector<Open> open_;
  std::string text_;
  Value root_;
};

}  // namespace

Result<Value> parse(std::string_view text, EscapedBytes escaped_bytes) {
  const std::string marked = escaped_bytes == EscapedBytes::yes ? mark_escaped_bytes(text) : std::string();
  const std::string_view input = escaped_bytes == EscapedBytes::yes ? std::string_view(marked) : text;
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::basic_parser<Builder> parser(options, escaped_bytes);
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, input.data(), input.size(), error);
  if (!error && read < input.size()) error = boost::json::error::extra_data;
  if (!error) return parser.handler().take();

  std::string message = "not valid JSON at byte " + std::to_string(read) + ": ";
  const auto& duplicate = parser.handler().duplicate_key;
  message += duplicate ? "the key \"" + printable(*duplicate) + "\" is there twice" : error.message();
  return fail(Code::corrupt, std::move(message));
}

}  // namespace kachery::json
