// How a hub is started: what `kachery hub serve` was told, and what lies in its directory.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "net/url.h"

namespace kachery::hub {

struct Listen {
  std::string host;    // An address, of IPv6 without brackets, or a name.
  std::uint16_t port;  // 0: any that is free.

  // "127.0.0.1:8080", "[::1]:8080", "localhost:0". Code::invalid.
  static Result<Listen> parse(std::string_view text);
};

struct HubSettings {
  std::filesystem::path directory;
  Listen listen;
  std::vector<Url> public_urls = {};  // Under which clients know it; the first one is in links and URLs.
  std::vector<std::string> trusted_proxies = {};  // Addresses.
  bool open = false;                              // Registers every key, and the zone `default` is public.
  bool insecure_http = false;                     // Plain HTTP beyond loopback.
  // PEM files; without them one is made, but for plain HTTP.
  std::optional<std::filesystem::path> certificate = {};
  std::optional<std::filesystem::path> private_key = {};
};

}  // namespace kachery::hub
