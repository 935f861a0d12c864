#include "net/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace kachery {
namespace {

// Clients go by the number; these are for people (RFC 9110 section 15).
std::string_view reason(int status) {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

// A line break in a field would let its author write an answer of their own.
bool is_one_line(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

void append_head(std::string& out, const Response& response, const ResponseFrame& frame,
                 std::string_view date) {
  const auto back = std::back_inserter(out);
  fmt::format_to(back, "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status, reason(response.status), date);
  for (const HttpField& field : response.fields) {
    KACHERY_ASSERT(is_one_line(field.name) && is_one_line(field.value));
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  if (frame.has_body && frame.framing == Framing::length)
    fmt::format_to(back, "Content-Length: {}\r\n", frame.length);
  if (frame.has_body && frame.framing == Framing::chunked) out.append("Transfer-Encoding: chunked\r\n");
  out.append(frame.keeps_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

std::string http_date(std::int64_t seconds_since_1970) {
  using namespace std::chrono;
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_seconds time{seconds(seconds_since_1970)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(weekday(day).c_encoding()),
                     unsigned(date.day()), kMonths.at(unsigned(date.month()) - 1), int(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

bool is_bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace kachery
