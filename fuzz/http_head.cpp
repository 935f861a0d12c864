// A head that is taken says one way only in which its body ends, and means the same when it is written again;
// chunks give the same body however their bytes arrive.
#include <cstddef>
#include <cstdint>
#include <string>

#include "net/request_parser.h"

using namespace kachery;

namespace {

constexpr HeadLimits kLimits{.bytes_max = 4096, .fields_max = 20};

bool has_control(std::string_view text) {
  for (const char c : text)
    if ((c >= 0 && c < 0x20 && c != '\t') || c == 0x7F) return true;
  return false;
}

std::string print(const ParsedHead& parsed) {
  const RequestHead& head = parsed.head;
  std::string text(method_name(head.method));
  text += " " + head.path + (head.query.empty() ? "" : "?" + head.query) + " HTTP/1." +
          std::to_string(parsed.minor_version) + "\r\n";
  for (const HttpField& field : head.fields) text += field.name + ":" + field.value + "\r\n";
  return text + "\r\n";
}

void check_head(std::string_view text) {
  std::size_t scanned = 0;
  const auto size = find_head(text, scanned, kLimits);
  if (!size || !*size) return;
  const auto parsed = parse_head(text.substr(0, **size), kLimits);
  if (!parsed) return;
  const RequestHead& head = parsed->head;
  KACHERY_ASSERT(head.path.starts_with('/') && !has_control(head.path + head.query));
  KACHERY_ASSERT(!head.path.contains(' ') && head.fields.size() <= kLimits.fields_max);
  KACHERY_ASSERT(!parsed->is_chunked || !parsed->content_length);
  KACHERY_ASSERT(head.fields.count("content-length") + head.fields.count("transfer-encoding") <= 1);
  KACHERY_ASSERT(parsed->minor_version == 0 || head.fields.count("host") == 1);
  for (const HttpField& field : head.fields) KACHERY_ASSERT(!has_control(field.name + field.value));
  const auto again = parse_head(print(*parsed), kLimits);
  KACHERY_ASSERT(again && again->content_length == parsed->content_length);
  KACHERY_ASSERT(again->is_chunked == parsed->is_chunked && again->keeps_alive == parsed->keeps_alive);
  KACHERY_ASSERT(again->head.path == head.path && again->head.query == head.query);
}

struct Unchunked {
  std::string body;
  bool is_refused = false;
  bool has_ended = false;
  bool operator==(const Unchunked&) const = default;
};

// As it would be read when `step` more bytes arrive each time.
Unchunked unchunk(std::string_view text, std::size_t step) {
  Unchunked result;
  ChunkReader reader;
  std::size_t begin = 0;
  for (std::size_t end = 0; end < text.size() && !reader.has_ended();) {
    end = std::min(text.size(), end + step);
    for (;;) {
      const auto next = reader.next(text.substr(begin, end - begin));
      if (!next) {
        result.is_refused = true;
        return result;
      }
      begin += next->consumed;
      if (next->data.empty()) break;
      result.body += next->data;
    }
  }
  result.has_ended = reader.has_ended();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_head(text);
  KACHERY_ASSERT(unchunk(text, 1) == unchunk(text, 100'000));
  return 0;
}
