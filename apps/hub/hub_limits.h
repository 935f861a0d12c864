// How much a hub holds, and how long it waits: each with its reason. docs/guide/hub.md lists them. Those of
// messages are in wire/sizes.h, those of the gateway in gateway/gateway_limits.h.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "hub/operations/rates.h"
#include "net/server.h"

namespace kachery::hub {

// An idle connection costs some ten KB; a busy one also a file.
constexpr std::size_t kConnectionsMax = 10'000;
// What is not a connection: the catalog, the audit log, files that are read and written.
constexpr std::size_t kOtherFilesMax = 200;

// `open_files_max`: as the system allows.
inline ServerLimits server_limits(std::uint64_t open_files_max) {
  const auto room = open_files_max > kOtherFilesMax ? (open_files_max - kOtherFilesMax) / 2 : 16;
  return {
      .connections_max = std::min<std::size_t>(kConnectionsMax, room),
      .connections_per_address_max = 64,  // A client has 16 at most; so many machines may share an address.
      .header_bytes_max = 16 << 10,  // A signed request has less than 1 KB; cookies of others may come along.
      .header_fields_max = 100,      // Ours have ten.
      .header_wait_max = std::chrono::seconds(10),  // A head fits into one packet.
      .idle_wait_max =
          std::chrono::seconds(75),  // Longer than the pauses of those who work, and than nginx's own 60 s.
      .stall_wait_max = std::chrono::seconds(30),  // Clients give up then, too.
      .body_rate_min = 500,                        // Slower than any line that people have.
  };
}

// Tokens are requests for addresses; for nodes and zones each file or chunk that is asked for.
constexpr Rate kAddressRate{.per_second = 2'000, .burst = 10'000};  // A laboratory behind one address.
constexpr Rate kNodeRate{.per_second = 20'000, .burst = 200'000};   // A folder of small files at once.
constexpr Rate kZoneRate{.per_second = 50'000, .burst = 500'000};   // No zone keeps the others waiting.

// Disk, hashes and SQL: more than cores, because disks make them wait.
constexpr std::size_t kPoolThreads = 8;

// After a node was revoked, or a right taken away, by another process: how soon it counts (at most 5 s).
constexpr std::chrono::milliseconds kFactsEvery{2'000};
// What a crash may lose of the counts of usage.
constexpr std::chrono::milliseconds kUsageEvery{5'000};
// How soon a signal is seen.
constexpr std::chrono::milliseconds kStopEvery{50};
// Requests that have begun may end; a large transfer is resumed elsewhere.
constexpr std::chrono::milliseconds kDrainWait{10'000};

}  // namespace kachery::hub
