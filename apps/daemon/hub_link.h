// The daemon's connection to a hub: signed, calls both ways. docs/protocol/live.md. Inside daemon only.
#pragma once

#include "crypto/key_pair.h"
#include "daemon/link.h"

namespace kachery::daemon {

// Who signs, and by which clock: a hub that takes our clock for wrong says its own time.
struct Signer {
  KeyPair key;
  std::int64_t clock_offset_ms = 0;
};

// Connects, serves the resource, and gives how it ended. Both outlive the task.
Task<LinkEnd> serve_at_hub(const Link& link, Signer& signer);

}  // namespace kachery::daemon
