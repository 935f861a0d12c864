// The daemon of a resource: provides this store's files to who asks at a hub, or at an older proxy.
// docs/guide/resource.md; gen2 section 5.
#pragma once

#include <atomic>

#include "client/configuration.h"
#include "daemon/link.h"
#include "daemon/resource_file.h"

namespace kachery::daemon {

// Blocks until `stop` is set. Connects, and whatever ends the connection, connects again: at once, then ever
// less often, up to every 30 s. The address says itself whether it is a hub's or an older proxy's. Uploads go
// to the hub that is connected to; for an older proxy, to the hub of `configuration`.
//
// Code::invalid for settings with which nothing could ever be served; a refusal is none, because whoever
// keeps the hub may take it back.
Result<> provide(const Configuration& configuration, ResourceSettings settings, Output output,
                 const std::atomic<bool>& stop);

}  // namespace kachery::daemon
