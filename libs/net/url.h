// Url: the address of a hub, as people write it and as requests are signed for it. RFC 3986.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/error.h"

namespace kachery {

// http://HOST[:PORT][/PREFIX] or https://...; a fragment is the fingerprint of the key of the hub's
// certificate (64 digits: SHA-256 of its SubjectPublicKeyInfo), which then is all that is trusted. A value.
struct Url {
  bool secure;
  std::string host;  // Lower case; of an IPv6 address, in brackets.
  std::uint16_t port;
  std::string prefix;              // "" or "/a/b"; never ends with "/".
  std::optional<std::string> pin;  // Lower case.

  // Code::invalid for anything else: other schemes, user names, queries.
  static Result<Url> parse(std::string_view text);

  // "host" or "host:port": the default port of the scheme is left out (RFC 9421 section 2.2.3).
  std::string authority() const;
  // Without the pin: what requests go to.
  std::string str() const;
  // With it: what people note.
  std::string pinned() const;

  // Whether the host is this machine by its very name: 127.0.0.0/8, [::1], localhost. Only there plain HTTP
  // needs no
  // --insecure-http.
  bool is_loopback() const;

  bool operator==(const Url&) const = default;
};

}  // namespace kachery
