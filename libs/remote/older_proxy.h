// Asking for a file through a proxy of gen2, which relays the question to the daemon of a resource. gen2
// sections 2.2 and 5.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include "core/names.h"
#include "net/url.h"
#include "wire/resources.h"

namespace kachery::remote {

struct OlderQuestion {
  Url resource_url;  // Ends with "/r/NAME"; what else its last part is, it is asked there alone.
  ResourceName resource;
  ZoneName zone;
  Digest digest;
  std::chrono::milliseconds timeout;
  bool insecure_http = false;  // Whether plain HTTP may go to another machine.
};

// Blocking. Asks until the upload has ended (is_final), or the time is over: the last state, of which each is
// told to `on_state`. Understands the answers of all proxies that there were, and asks those from before
// 2023-03 in their way (POST /api). Nothing is signed, and no token sent: whoever keeps the proxy learns the
// digest and the zone's name.
//
// Code::unavailable if it does not answer as a proxy, or has no daemon of this name, or passes on no more
// than that the daemon failed; Code::denied if the resource serves another zone; Code::timed_out if the
// daemon did not answer; Code::invalid for a digest that is not SHA-1; Code::cancelled within a second.
Result<wire::AskState> ask_older_proxy(const OlderQuestion& question,
                                       const std::function<void(const wire::AskState&)>& on_state,
                                       const std::atomic<bool>& cancel);

}  // namespace kachery::remote
