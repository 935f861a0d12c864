#include "daemon/reconnecting.h"

#include <algorithm>
#include <random>
#include <ranges>
#include <string>

#include "client/settings.h"

namespace kachery::daemon {
namespace {

std::optional<std::string> first_set(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (auto value = environment(name)) return value;
  return std::nullopt;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// Whether one entry of NO_PROXY means the host: "*", "example.org" and ".example.org" for all below it, too.
bool excepts(std::string_view entry, std::string_view host) {
  if (entry == "*") return true;
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || !host.ends_with(entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

}  // namespace

std::chrono::milliseconds Backoff::next() {
  std::random_device random;
  std::uniform_int_distribution<std::int64_t> distribution(longest_.count() / 2, longest_.count());
  const std::chrono::milliseconds wait(distribution(random));
  longest_ = std::min(longest_ * 2, kMax);
  return wait;
}

Result<std::optional<Url>> proxy_of(const Url& server) {
  const auto said = server.secure ? first_set({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                                  : first_set({"http_proxy", "all_proxy", "ALL_PROXY"});
  if (!said || server.is_loopback()) return std::nullopt;
  const std::string exceptions = first_set({"no_proxy", "NO_PROXY"}).value_or("");
  std::string host = server.host;  // An address of IPv6 is written without its brackets there.
  std::erase_if(host, [](char c) { return c == '[' || c == ']'; });
  for (const auto part : std::views::split(exceptions, ','))
    if (excepts(lower(trim(std::string_view(part))), host)) return std::nullopt;
  auto proxy = Url::parse(said->contains("://") ? *said : "http://" + *said);
  if (!proxy || proxy->secure)
    return fail(Code::invalid,
                "the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) is no address "
                "of the form http://HOST:PORT; mend it, or except this server with NO_PROXY");
  return *proxy;
}

}  // namespace kachery::daemon
