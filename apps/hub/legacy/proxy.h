// Proxy: the rendezvous of gen2 alone, without a hub: `kachery proxy`. For groups that stay with the older
// gateway.
#pragma once

#include <atomic>
#include <memory>

#include "core/secret.h"
#include "hub/settings.h"

namespace kachery::hub {

struct ProxySettings {
  Listen listen;
  Secret secret;                                  // Whoever knows it may serve any name that nobody serves.
  bool insecure_http = false;                     // Plain HTTP beyond loopback.
  std::vector<std::string> trusted_proxies = {};  // Addresses.
};

// One thread; blocks. It knows no zones, no files and no users: a name is the daemon's that has it first,
// until that one goes, and everybody may ask.
class Proxy {
 public:
  // Code::unavailable if the address is taken; Code::invalid for plain HTTP beyond loopback without
  // insecure_http.
  static Result<std::unique_ptr<Proxy>> start(ProxySettings settings);
  ~Proxy();

  std::uint16_t port() const;
  // Serves until `stop` is set; then drains, within 10 s.
  void run(const std::atomic<bool>& stop);

 private:
  struct Parts;
  explicit Proxy(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace kachery::hub
