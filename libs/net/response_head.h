// How an answer begins on the wire. RFC 9112 section 4.
#pragma once

#include <cstdint>
#include <string>

#include "net/server.h"

namespace kachery {

// How the end of an answer's body is found.
enum class Framing : std::uint8_t { length, chunked, close };

struct ResponseFrame {
  Framing framing;
  ByteCount length;  // With Framing::length.
  bool has_body;     // 204 and 304 have none, and say nothing of it.
  bool keeps_alive;
};

// Appends the head to `out`. `date` is what http_date() gave. A field with a control character is a bug of
// the handler.
void append_head(std::string& out, const Response& response, const ResponseFrame& frame,
                 std::string_view date);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string http_date(std::int64_t seconds_since_1970);

// Without a body, whatever the request was.
bool is_bodiless(int status);

}  // namespace kachery
