// Reconnecting: when to try again, and through which proxy of the network.
#pragma once

#include <chrono>
#include <optional>

#include "net/url.h"

namespace kachery::daemon {

// What is waited before the next attempt: soon after the first failure, then twice as long each time, with
// jitter, so that the daemons of a group do not all come back to their hub in the same second. One thread.
class Backoff {
 public:
  std::chrono::milliseconds next();
  // A connection has served for a while.
  void reset() { longest_ = kFirst; }

  static constexpr std::chrono::milliseconds kFirst{500};
  static constexpr std::chrono::milliseconds kMax{30'000};

 private:
  std::chrono::milliseconds longest_ = kFirst;
};

// What HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, in either case, say for this server, and NO_PROXY does not
// except; nothing: it is reached directly, as this machine always is. As curl understands them, which also
// ignores HTTP_PROXY in capitals (CVE-2016-5385): "*", names with all below them, addresses. Code::invalid if
// what they say is no http address.
Result<std::optional<Url>> proxy_of(const Url& server);

}  // namespace kachery::daemon
