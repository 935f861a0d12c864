// Hub: one process that serves zones: catalog, bucket, gateway. `kachery hub serve`.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "hub/settings.h"

namespace kachery::hub {

// One thread; blocks. At the first start everything is made in the directory: the zone `default`, the tokens
// (`admin-token`, `metrics-token`, `proxy-secret`), the secret of signed URLs, a certificate where one is
// needed; all 0600.
class Hub {
 public:
  // Code::exists if another process serves this directory; Code::unavailable if the address is taken;
  // Code::invalid for settings that cannot be, such as plain HTTP beyond loopback without insecure_http.
  static Result<std::unique_ptr<Hub>> start(HubSettings settings);
  ~Hub();

  // "https://host:port#FINGERPRINT": what clients are to be told.
  const std::string& address() const;
  // On which it listens.
  std::uint16_t port() const;

  // Serves until `stop` is set; then drains, within 10 s.
  Result<> run(const std::atomic<bool>& stop);

 private:
  struct Parts;
  explicit Hub(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace kachery::hub
