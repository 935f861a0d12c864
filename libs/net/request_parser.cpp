#include "net/request_parser.h"

#include <algorithm>
#include <array>
#include <string>

namespace kachery {
namespace {

constexpr std::size_t kSizeLineMax = 256;  // Nobody sends extensions of any length.
constexpr std::size_t kTrailersMax = 8192;

std::unexpected<Refusal> refuse(int status, std::string why) {
  return std::unexpected(Refusal{status, std::move(why)});
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() &&
         std::ranges::all_of(text, [&](char c) { return is_alphanumeric(c) || kOthers.contains(c); });
}

// RFC 9110 section 5.5: visible characters, spaces, tabs, and what is not ASCII.
bool is_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

}  // namespace

bool lists(const HttpFields& fields, std::string_view name, std::string_view word) {
  for (const HttpField& field : fields) {
    if (!same_word(field.name, name)) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      if (same_word(trim(rest.substr(0, end)), word)) return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return false;
}

namespace {

Parsed<HttpField> parse_field(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t'))
    return refuse(400, "a field of the request goes on over a second line, which is obsolete");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse(400, "a field of the request has no colon");
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name))
    return refuse(400, "the name of a field of the request has a character that it must not");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_value(value)) return refuse(400, "the field " + std::string(name) + " has a control character");
  return HttpField{std::string(name), std::string(value)};
}

// The line at the start of `rest`, which is cut off with its end. Its end is there.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end, rest.size() - 2) + 2);
  return line;
}

Parsed<Method> parse_method(std::string_view name) {
  for (const Method method :
       {Method::get, Method::head, Method::post, Method::put, Method::delete_, Method::options})
    if (name == method_name(method)) return method;
  if (is_token(name)) return refuse(501, "the method " + std::string(name) + " is not known here");
  return refuse(400, "the request does not begin with a method");
}

// Only HTTP/1.0 and HTTP/1.1; gives the minor version.
Parsed<int> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  if (text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' &&
      is_digit(text[7]))
    return refuse(505, "only HTTP/1.1 is spoken here, not " + std::string(text));
  return refuse(400, "the first line of the request does not end with a version of HTTP");
}

// "METHOD /path?query HTTP/1.1"
Parsed<ParsedHead> parse_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
    return refuse(
        400, "the first line of the request is not a method, a target and a version, with a space between");
  const auto version = parse_version(line.substr(second + 1));
  if (!version) return std::unexpected(version.error());
  const auto method = parse_method(line.substr(0, first));
  if (!method) return std::unexpected(method.error());

  const std::string_view target = line.substr(first + 1, second - first - 1);
  if (!target.starts_with('/')) return refuse(400, "the target of the request does not begin with a slash");
  if (!std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7F && c != '#'; }))
    return refuse(400, "the target of the request has a character that must be written as %XX");
  const std::size_t mark = std::min(target.find('?'), target.size());
  return ParsedHead{.head = {.method = *method,
                             .path = std::string(target.substr(0, mark)),
                             .query = std::string(target.substr(std::min(mark + 1, target.size()))),
                             .fields = {},
                             .peer = {},
                             .secure = false,
                             .id = {}},
                    .minor_version = *version};
}

// RFC 3986 section 3.2.2, roughly: what a name, an address or a port can be made of.
bool is_host(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_alphanumeric(c) || std::string_view("-._~%!$&'()*+,;=:[]").contains(c);
  });
}

std::expected<void, Refusal> check_host(const ParsedHead& parsed) {
  const std::size_t count = parsed.head.fields.count("host");
  if (count == 0 && parsed.minor_version == 0) return {};
  if (count != 1) return refuse(400, "the request must have the field Host, once");
  if (!is_host(*parsed.head.fields.find("host"))) return refuse(400, "the field Host is not a host");
  return {};
}

// How the body ends (RFC 9112 section 6): one way or none, never a choice.
std::expected<void, Refusal> parse_framing(ParsedHead& parsed) {
  const HttpFields& fields = parsed.head.fields;
  const std::size_t lengths = fields.count("content-length");
  const std::size_t codings = fields.count("transfer-encoding");
  if (lengths > 0 && codings > 0)
    return refuse(400, "the request has both Content-Length and Transfer-Encoding");
  if (lengths > 1 || codings > 1) return refuse(400, "the request says twice where its body ends");
  if (codings == 1) {
    const std::string& coding = *fields.find("transfer-encoding");
    if (parsed.minor_version == 0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (!is_value(coding) || coding.empty()) return refuse(400, "the field Transfer-Encoding is empty");
    if (!same_word(coding, "chunked")) return refuse(501, "the only Transfer-Encoding known here is chunked");
    parsed.is_chunked = true;
  }
  if (lengths == 1) {
    const std::string& text = *fields.find("content-length");
    // 18 digits fit, and are more than anybody has.
    if (text.empty() || text.size() > 18 || !std::ranges::all_of(text, is_digit))
      return refuse(400, "the field Content-Length is not a number of bytes");
    parsed.content_length = std::stoull(text);
  }
  return {};
}

// RFC 6455 section 4.2.1.
bool has_websocket_key(const HttpFields& fields) {
  constexpr std::string_view kName = "sec-websocket-key";
  std::array<std::byte, 16> key{};
  return fields.count(kName) == 1 && from_base64(*fields.find(kName), key);
}

std::expected<void, Refusal> parse_wishes(ParsedHead& parsed) {
  const HttpFields& fields = parsed.head.fields;
  parsed.keeps_alive = parsed.minor_version == 1 ? !lists(fields, "connection", "close")
                                                 : lists(fields, "connection", "keep-alive");
  if (parsed.minor_version == 0) return {};
  if (const std::string* expected = fields.find("expect"); expected != nullptr) {
    if (!same_word(*expected, "100-continue") || fields.count("expect") != 1)
      return refuse(417, "the only expectation known here is 100-continue");
    parsed.expects_continue = true;
  }
  parsed.wants_websocket = parsed.head.method == Method::get && lists(fields, "connection", "upgrade") &&
                           lists(fields, "upgrade", "websocket") && has_websocket_key(fields);
  return {};
}

}  // namespace

Parsed<std::optional<std::size_t>> find_head(std::string_view bytes, std::size_t& scanned,
                                             const HeadLimits& limits) {
  for (;;) {
    // A line ends in one way only; a CR elsewhere is a control character, which parse_head() refuses.
    const std::size_t end = bytes.find('\n', scanned);
    if (end == std::string_view::npos) break;
    if (end == 0 || bytes[end - 1] != '\r')
      return refuse(400, "a line of the request ends with LF alone, not with CR LF");
    scanned = end + 1;
    const bool is_empty_line = end == 1 || (end >= 3 && bytes[end - 2] == '\n');
    if (!is_empty_line || end == 1) continue;
    if (scanned > limits.bytes_max) break;
    return scanned;
  }
  if (bytes.size() <= limits.bytes_max) return std::nullopt;
  if (!bytes.substr(0, limits.bytes_max).contains('\n'))
    return refuse(414, "the first line of the request is too long");
  return refuse(431, "the head of the request has more than " + std::to_string(limits.bytes_max) + " bytes");
}

Parsed<ParsedHead> parse_head(std::string_view text, const HeadLimits& limits) {
  KACHERY_ASSERT(text.ends_with("\r\n\r\n"));
  std::string_view rest = text;
  if (rest.starts_with("\r\n")) rest.remove_prefix(2);  // One empty line in front is forgiven (section 2.2).
  auto parsed = parse_request_line(take_line(rest));
  if (!parsed) return parsed;
  while (rest != "\r\n") {
    auto field = parse_field(take_line(rest));
    if (!field) return std::unexpected(std::move(field).error());
    parsed->head.fields.add(std::move(field->name), std::move(field->value));
    if (parsed->head.fields.size() > limits.fields_max)
      return refuse(431, "the request has more than " + std::to_string(limits.fields_max) + " fields");
  }
  for (const auto& check : {check_host(*parsed), parse_framing(*parsed), parse_wishes(*parsed)})
    if (!check) return std::unexpected(check.error());
  return parsed;
}

namespace {

// The line at the start of `bytes`, without its end; none: it is not all there.
Parsed<std::optional<std::string_view>> find_line(std::string_view bytes, std::size_t size_max) {
  const std::size_t end = bytes.substr(0, size_max).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= size_max) return refuse(400, "a line between the chunks of the body is too long");
    return std::nullopt;
  }
  if (end == 0 || bytes[end - 1] != '\r')
    return refuse(400, "a line between the chunks of the body ends with LF alone, not with CR LF");
  return bytes.substr(0, end - 1);
}

// "1a2b" or "1a2b;extensions"
Parsed<ByteCount> parse_chunk_size(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  // 15 digits fit, and are more than anybody has.
  if (digits.empty() || digits.size() > 15 || !is_value(line) ||
      digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
    return refuse(400, "a chunk of the body does not begin with its size");
  return std::stoull(std::string(digits), nullptr, 16);
}

}  // namespace

Parsed<ChunkReader::Step> ChunkReader::next(std::string_view bytes) {
  std::size_t consumed = 0;
  for (;;) {
    const std::string_view rest = bytes.substr(consumed);
    switch (place_) {
      case Place::size_line: {
        const auto line = find_line(rest, kSizeLineMax);
        if (!line) return std::unexpected(line.error());
        if (!*line) return Step{consumed, {}};
        const auto size = parse_chunk_size(**line);
        if (!size) return std::unexpected(size.error());
        consumed += (*line)->size() + 2;
        left_ = *size;
        place_ = left_ == 0 ? Place::trailers : Place::data;
        break;
      }
      case Place::data: {
        const std::string_view data = rest.substr(0, std::min<ByteCount>(left_, rest.size()));
        left_ -= data.size();
        if (left_ == 0) place_ = Place::data_end;
        return Step{consumed + data.size(), data};
      }
      case Place::data_end:
        if (rest.size() < 2 && std::string_view("\r\n").starts_with(rest)) return Step{consumed, {}};
        if (!rest.starts_with("\r\n")) return refuse(400, "a chunk of the body is longer than it says");
        consumed += 2;
        place_ = Place::size_line;
        break;
      case Place::trailers: {
        const auto line = find_line(rest, kTrailersMax - trailer_bytes_);
        if (!line) return std::unexpected(line.error());
        if (!*line) return Step{consumed, {}};
        consumed += (*line)->size() + 2;
        trailer_bytes_ += (*line)->size() + 2;
        if ((*line)->empty()) {
          place_ = Place::end;
        } else if (const auto field = parse_field(**line); !field) {
          return std::unexpected(field.error());
        }
        break;
      }
      case Place::end:
        return Step{consumed, {}};
    }
  }
}

}  // namespace kachery
