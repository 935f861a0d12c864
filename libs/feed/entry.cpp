#include "feed/entry.h"

#include "crypto/hasher.h"
#include "feed/decimal.h"
#include "json/json.h"

namespace kachery::feed {
namespace {

constexpr std::string_view kNumber = R"({"n":)";
constexpr std::string_view kTimestamp = R"(,"timestamp":)";
constexpr std::string_view kMessage = R"(,"message":)";
constexpr std::string_view kBody = R"(,"body":{"sha256":")";
constexpr std::string_view kSize = R"(","size":)";

// Takes `expected` off the front of the text.
bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
  text.remove_prefix(digits.size());
  const auto value = parse_decimal(digits);
  return value && *value <= kTreeSizeMax ? value : std::nullopt;
}

std::optional<Body> take_body(std::string_view& text) {
  const Result<Digest> sha256 = Digest::parse(Algorithm::sha256, text.substr(0, 64));
  if (!sha256) return std::nullopt;
  text.remove_prefix(64);
  if (!take(text, kSize)) return std::nullopt;
  const auto size = take_number(text);
  if (!size || *size <= kInlineBytesMax || *size > kMessageBytesMax || !take(text, "}")) return std::nullopt;
  return Body{*sha256, *size};
}

}  // namespace

std::string Entry::str() const {
  std::string text(kNumber);
  text += std::to_string(number);
  text += kTimestamp;
  text += std::to_string(timestamp_ms);
  if (body) {
    text += kBody;
    text += body->sha256.hex();
    text += kSize;
    text += std::to_string(body->size) + "}";
  } else {
    text += kMessage;
    text += message;
  }
  text += '}';
  return text;
}

Result<Entry> Entry::parse(std::string_view bytes) {
  const auto malformed = [] { return fail(Code::corrupt, "this is no entry of a subfeed"); };
  std::string_view rest = bytes;
  Entry entry;
  if (bytes.size() > kEntryBytesMax || !take(rest, kNumber)) return malformed();
  const auto number = take_number(rest);
  if (!number || !take(rest, kTimestamp)) return malformed();
  const auto timestamp = take_number(rest);
  if (!timestamp) return malformed();
  entry.number = *number;
  entry.timestamp_ms = static_cast<std::int64_t>(*timestamp);
  if (take(rest, kBody)) {
    entry.body = take_body(rest);
    if (!entry.body || rest != "}") return malformed();
    return entry;
  }
  if (!take(rest, kMessage) || !rest.ends_with('}')) return malformed();
  rest.remove_suffix(1);
  if (rest.empty() || rest.size() > kInlineBytesMax) return malformed();
  entry.message = rest;
  return entry;
}

Entry make_entry(TreeSize number, std::int64_t timestamp_ms, std::string message) {
  KACHERY_ASSERT(timestamp_ms >= 0);
  Entry entry{number, timestamp_ms};
  if (message.size() > kInlineBytesMax) {
    entry.body = Body{Hasher::of(Algorithm::sha256, as_bytes(message)), message.size()};
  } else {
    entry.message = std::move(message);
  }
  return entry;
}

Result<std::string> check_message(std::string_view text) {
  if (text.size() > kMessageBytesMax)
    return fail(Code::invalid,
                "it is too long for a message: " + std::to_string(text.size()) +
                    " bytes of JSON, and 8388608 is the most; store it as a file, and send its URI");
  Result<std::string> compact = json::compact(text);
  if (!compact) return fail(Code::invalid, "it cannot be a message: " + compact.error().message);
  return compact;
}

bool is_message_of(const Entry& entry, std::string_view message) {
  if (!entry.body) return message == entry.message;
  return message.size() == entry.body->size &&
         Hasher::of(Algorithm::sha256, as_bytes(message)) == entry.body->sha256;
}

}  // namespace kachery::feed
