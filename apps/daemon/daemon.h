// The daemon: provides this store's files to who asks at a hub, or at an older proxy. docs/guide/daemon.md,
// docs/guide/resource.md; gen2 section 5.
#pragma once

#include <atomic>
#include <functional>
#include <optional>

#include "client/configuration.h"
#include "daemon/daemon_place.h"
#include "daemon/link.h"
#include "daemon/resource_file.h"

namespace kachery::daemon {

// Both block until `stop` is set. They connect, and whatever ends the connection, connect again: at once,
// then ever less often, up to every 30 s. Code::invalid for settings with which nothing could ever be served;
// a refusal is none, because whoever keeps the hub may take it back.

// A resource. The address says itself whether it is a hub's or an older proxy's. Uploads go to the hub that
// is connected to; for an older proxy, to the hub of `configuration`.
Result<> provide(const Configuration& configuration, ResourceSettings settings, Output output,
                 const std::atomic<bool>& stop);

struct NodeSettings {
  std::size_t uploads_max = 4;                    // At a time; 1 to kConcurrentUploadsMax.
  std::optional<ByteCount> upload_rate_max = {};  // Bytes a second, all together; none: no limit.
};

// Gets what the daemon says of itself, whenever that has changed, once a second at most. On a thread of its
// own, one call at a time.
using NoteStatus = std::function<void(const DaemonStatus& status)>;

// All that this node may provide in the configured zone of the configured hub.
Result<> provide_node(const Configuration& configuration, const NodeSettings& settings, Output output,
                      const NoteStatus& note, const std::atomic<bool>& stop);

}  // namespace kachery::daemon
