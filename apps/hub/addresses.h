// Under which addresses a hub is reached, and whether through TLS.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hub/settings.h"

namespace kachery::hub {

enum class Transport {
  plain,
  certificate_files,  // That were named.
  self_signed,        // Made at the first start, and kept.
};

// Code::invalid for settings that cannot be: half of a certificate, plain HTTP beyond loopback without
// insecure_http.
Result<Transport> transport_of(const HubSettings& settings);

// Where the hub listens on all addresses of the machine.
bool is_wildcard(const Listen& listen);

// What clients call the hub where nobody said it: what it listens on; for all addresses, the name of this
// machine; and where it can be reached by them, 127.0.0.1 and localhost. The first one is in links and URLs.
Result<std::vector<Url>> default_public_urls(const Listen& listen, bool secure);

// How the hub is reached on its own machine, whatever stands in front of it.
Result<Url> local_url(const Listen& listen, bool secure);

// The names and addresses in a certificate that we make.
std::vector<std::string> certificate_hosts(std::span<const Url> public_urls);

}  // namespace kachery::hub
