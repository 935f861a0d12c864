#include "net/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <ranges>

#include "core/text.h"

namespace kachery {
namespace {

// Longer than any address that people use; a name of a host has at most 253 characters.
constexpr std::size_t kTextMax = 1024;
constexpr std::size_t kHostMax = 253;
constexpr std::size_t kLabelMax = 63;  // RFC 1035 section 2.3.4.

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {  // Of lower case.
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

// What has a user name may have a password, and a query may have a token: neither is shown.
std::string shown(std::string_view text) {
  if (text.contains('@')) return "(not shown: it has a user name)";
  const std::size_t end = std::min({text.find('?'), text.size(), kTextMax});
  return "'" + printable(text.substr(0, end)) + "'";
}

std::unexpected<Error> refuse(std::string_view text, std::string_view why) {
  return fail(Code::invalid,
              fmt::format("{} is not the address of a hub: {}. It looks like https://hub.example, "
                          "https://hub.example:8443/prefix or http://127.0.0.1:8080",
                          shown(text), why));
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

// Why not, or nothing. `host` is in lower case. Names that the system would take for numbers, such as 127.1
// or 0x7f000001, are refused: whoever reads them would not know where they lead.
std::optional<std::string_view> fault_of_name(std::string_view host) {
  if (host.empty()) return "it names no host";
  if (host.size() > kHostMax) return "the name of its host is longer than 253 characters";
  std::string_view last;
  for (const auto part : std::views::split(host, '.')) {
    last = std::string_view(part);
    if (last.empty() || last.size() > kLabelMax || last.front() == '-' || last.back() == '-' ||
        !std::ranges::all_of(last, is_word))
      return "its host is neither a name nor an address";
  }
  if (is_digit(last.front()) && (std::ranges::all_of(last, is_digit) || last.starts_with("0x")))
    return "an IPv4 address has four numbers from 0 to 255";
  return std::nullopt;
}

Result<std::string> parse_host(std::string_view text, const boost::urls::url_view& parsed) {
  switch (parsed.host_type()) {
    case boost::urls::host_type::ipv4:
      return parsed.host_ipv4_address().to_string();
    case boost::urls::host_type::ipv6:
      return "[" + parsed.host_ipv6_address().to_string() + "]";
    case boost::urls::host_type::name: {
      std::string host = lower(parsed.encoded_host());
      if (const auto fault = fault_of_name(host)) return refuse(text, *fault);
      return host;
    }
    default:
      return refuse(text, "its host is neither a name nor an address");
  }
}

Result<std::uint16_t> parse_port(std::string_view text, const boost::urls::url_view& parsed, bool secure) {
  if (!parsed.has_port()) return static_cast<std::uint16_t>(secure ? 443 : 80);
  if (parsed.port_number() == 0) return refuse(text, "a port is a number from 1 to 65535");
  return parsed.port_number();
}

// Without what proxies read in different ways: escapes, empty segments and dots.
Result<std::string> parse_prefix(std::string_view text, std::string_view path) {
  if (path.empty() || path == "/") return std::string();
  // Boost 1.81 lets a path follow an address or a port at once: https://127.0.0.1.example, https://hub:80x.
  if (!path.starts_with('/')) return refuse(text, "what follows its host is neither a port nor a path");
  if (path.ends_with('/')) path.remove_suffix(1);
  for (const auto part : std::views::split(path.substr(1), '/')) {
    const std::string_view segment(part);
    if (segment.empty() || segment == "." || segment == ".." || percent_encode(segment, "") != segment)
      return refuse(text, "its path may have letters, digits, '-', '_', '.' and '~', and no empty parts");
  }
  return std::string(path);
}

Result<std::optional<std::string>> parse_pin(std::string_view text, const boost::urls::url_view& parsed,
                                             bool secure) {
  if (!parsed.has_fragment()) return std::nullopt;
  std::string pin = lower(parsed.encoded_fragment());
  if (!Digest::parse(Algorithm::sha256, pin))
    return refuse(text, "what follows '#' is not a fingerprint, which has 64 hexadecimal digits");
  if (!secure) return refuse(text, "a fingerprint is for https only: plain http has no certificate");
  return pin;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > kTextMax) return refuse(text, "it is too long");
  if (!is_ascii(text))
    return refuse(text,
                  "it has spaces or letters that are not ASCII; a name in another script is written as "
                  "'xn--...' (its ASCII form)");
  const auto uri = boost::urls::parse_uri(text);
  if (!uri) return refuse(text, "it is not a URL");
  const boost::urls::url_view& parsed = *uri;

  const std::string scheme = lower(parsed.scheme());
  if (scheme != "http" && scheme != "https")
    return refuse(text, "it does not begin with http:// or https://");
  if (!parsed.has_authority()) return refuse(text, "it names no host");
  if (parsed.has_userinfo())
    return refuse(text, "a user name has no use there; nodes are known by their keys");
  if (parsed.has_query()) return refuse(text, "it has a query");

  Url url{.secure = scheme == "https", .host = {}, .port = 0, .prefix = {}, .pin = {}};
  KACHERY_TRY(host, parse_host(text, parsed));
  url.host = std::move(host);
  KACHERY_TRY(port, parse_port(text, parsed, url.secure));
  url.port = port;
  KACHERY_TRY(prefix, parse_prefix(text, parsed.encoded_path()));
  url.prefix = std::move(prefix);
  KACHERY_TRY(pin, parse_pin(text, parsed, url.secure));
  url.pin = std::move(pin);
  return url;
}

std::string Url::authority() const {
  return port == (secure ? 443 : 80) ? host : fmt::format("{}:{}", host, port);
}

std::string Url::str() const {
  return fmt::format("{}://{}{}", secure ? "https" : "http", authority(), prefix);
}

std::string Url::pinned() const {
  return pin ? str() + "#" + *pin : str();
}

bool Url::is_loopback() const {
  // A name that has only digits and dots is an IPv4 address, or else it was refused.
  const bool is_ipv4 = std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
  return host == "localhost" || host == "[::1]" || (is_ipv4 && host.starts_with("127."));
}

}  // namespace kachery
