#include "hub/addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "os/process.h"

namespace kachery::hub {
namespace {

// For looking at a host alone; port 0 is none that a URL can have.
constexpr std::uint16_t kAnyPort = 1;

Result<Url> url_of(std::string_view host, std::uint16_t port, bool secure) {
  const bool in_brackets = host.contains(':');
  return Url::parse(fmt::format("{}://{}{}{}:{}", secure ? "https" : "http", in_brackets ? "[" : "", host,
                                in_brackets ? "]" : "", port));
}

bool is_loopback(const Listen& listen) {
  const auto url = url_of(listen.host, kAnyPort, false);
  return url && url->is_loopback();
}

std::unexpected<Error> fail_listen(std::string_view text) {
  return fail(Code::invalid, "\"" + printable(text) +
                                 "\" is no address to listen on; it is written HOST:PORT, such as "
                                 "127.0.0.1:8080, 0.0.0.0:8443 or [::1]:8080");
}

}  // namespace

Result<Listen> Listen::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail_listen(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (host.contains(':') != in_brackets) return fail_listen(text);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return fail_listen(text);
  const auto url = url_of(host, kAnyPort, false);
  if (!url || !url->prefix.empty()) return fail_listen(text);
  return Listen{std::string(host), port};
}

Result<Transport> transport_of(const HubSettings& settings) {
  if (settings.certificate.has_value() != settings.private_key.has_value())
    return fail(Code::invalid,
                fmt::format("--{} was given without --{}; a certificate and its key go together",
                            settings.certificate ? "certificate" : "private-key",
                            settings.certificate ? "private-key" : "certificate"));
  if (settings.certificate && settings.insecure_http)
    return fail(Code::invalid,
                "--insecure-http and --certificate contradict each other; leave one of them out");
  if (settings.certificate) return Transport::certificate_files;
  if (settings.insecure_http || is_loopback(settings.listen)) return Transport::plain;
  return Transport::self_signed;
}

bool is_wildcard(const Listen& listen) {
  return listen.host == "0.0.0.0" || listen.host == "::";
}

Result<std::vector<Url>> default_public_urls(const Listen& listen, bool secure) {
  std::vector<std::string> hosts;
  hosts.push_back(is_wildcard(listen) ? host_name() : listen.host);
  if (is_wildcard(listen) || is_loopback(listen))
    for (const char* host : {"127.0.0.1", "localhost"}) hosts.emplace_back(host);
  std::vector<Url> urls;
  for (const std::string& host : hosts) {
    KACHERY_TRY(url, url_of(host, listen.port, secure));
    if (std::ranges::find(urls, url) == urls.end()) urls.push_back(std::move(url));
  }
  return urls;
}

Result<Url> local_url(const Listen& listen, bool secure) {
  const char* loopback = listen.host == "::" ? "::1" : "127.0.0.1";
  return url_of(is_wildcard(listen) ? loopback : listen.host, listen.port, secure);
}

std::vector<std::string> certificate_hosts(std::span<const Url> public_urls) {
  std::vector<std::string> hosts;
  for (const Url& url : public_urls) {
    std::string host = url.host;
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(std::move(host));
  }
  return hosts;
}

}  // namespace kachery::hub
