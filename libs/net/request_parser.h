// What stands in front of and between the bytes of a request's body: heads and chunks. Strict: whatever two
// servers could read in two ways is refused. RFC 9112. Pure functions of bytes.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "net/http.h"

namespace kachery {

// Why a request is not read further, and the status of the answer that says so.
struct Refusal {
  int status;
  std::string why;
};

template <class T>
using Parsed = std::expected<T, Refusal>;

struct HeadLimits {
  std::size_t bytes_max;
  std::size_t fields_max;
};

// A head and what follows from it. `head.peer`, `secure` and `id` are left to the server.
struct ParsedHead {
  RequestHead head;
  int minor_version;        // HTTP/1.0 or 1.1.
  bool is_chunked = false;  // At most one of these two says that there is a body.
  std::optional<ByteCount> content_length = {};
  bool expects_continue = false;
  bool keeps_alive = true;
  bool wants_websocket = false;
};

// The number of bytes of the head at the start of `bytes`, with its last, empty line; none: it is not all
// there. `scanned` is how many bytes were looked at in vain before, and is moved on.
Parsed<std::optional<std::size_t>> find_head(std::string_view bytes, std::size_t& scanned,
                                             const HeadLimits& limits);

// `text` is a whole head, as find_head() found it.
Parsed<ParsedHead> parse_head(std::string_view text, const HeadLimits& limits);

// Whether one of the comma-separated words of the fields of that name is `word`, which is in lower case.
bool lists(const HttpFields& fields, std::string_view name, std::string_view word);

// Takes chunks apart (RFC 9112 section 7.1). Extensions and trailers are checked for form and dropped.
class ChunkReader {
 public:
  struct Step {
    std::size_t consumed;   // Bytes that are done with, in front of the data and with it.
    std::string_view data;  // Of the body; empty: more bytes are needed, or it has ended.
  };

  // Goes on with `bytes`, which begin where the last step stopped.
  Parsed<Step> next(std::string_view bytes);
  bool has_ended() const { return place_ == Place::end; }

 private:
  enum class Place : std::uint8_t { size_line, data, data_end, trailers, end };

  Place place_ = Place::size_line;
  ByteCount left_ = 0;  // Of the chunk.
  std::size_t trailer_bytes_ = 0;
};

}  // namespace kachery
