// How long providers and orders are waited for, and how many there may be. docs/guide/hub.md lists them.
#pragma once

#include <chrono>
#include <cstddef>

namespace kachery::hub {

struct RendezvousLimits {
  // A daemon that does not answer a ping within this has lost its name to the next one of its key.
  std::chrono::milliseconds ping_wait{5'000};
  // A daemon whose connection broke comes back within this, also after a restart of the hub.
  std::chrono::milliseconds return_wait{10'000};
  // A provider that says nothing, or sends nothing, for so long has failed.
  std::chrono::milliseconds stall_wait{60'000};
  // The same where another node has the file, too; and a queue is no excuse then.
  std::chrono::milliseconds stall_wait_with_others{15'000};
  // Whether they have a file is what nodes have to say within this, so that a miss takes less than 3 s.
  std::chrono::milliseconds have_wait{2'500};
  // Whoever failed is asked last for so long.
  std::chrono::milliseconds failure_time{3'600'000};
  // Nothing takes longer; a queue of a day is none.
  std::chrono::milliseconds order_max{86'400'000};
  // Askers hear of bytes so often; of everything else at once.
  std::chrono::milliseconds tell_every{100};

  // An order costs a few KB.
  std::size_t orders_max = 10'000;
  std::size_t orders_of_one_max = 1'000;  // Of a resource, or in a channel.
  // Whose interest an order remembers: 70 bytes each.
  std::size_t askers_of_order_max = 10'000;
  // Of all uploads that are asked for, as they come: 150 bytes each, of 2 TiB.
  std::size_t arriving_chunks_max = 1 << 18;
};

// What a provider may say about an error.
constexpr std::size_t kReasonBytesMax = 1'000;

}  // namespace kachery::hub
