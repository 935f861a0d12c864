// How a client's connection comes to be: name, TCP, the tunnel of a proxy, TLS. Inside net only.
#pragma once

#include <memory>
#include <optional>

#include "net/loop.h"
#include "net/patience.h"
#include "net/stream.h"
#include "net/url.h"

namespace kachery {

// Network thread only. All of it until `deadline`. Errors are those of connect_websocket().
Task<Result<std::shared_ptr<Stream>>> dial(Loop& loop, Url server, std::optional<Url> proxy,
                                           TimePoint deadline);

}  // namespace kachery
