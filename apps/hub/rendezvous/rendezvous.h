// Rendezvous: where those who ask and those who provide meet.
#pragma once

#include "hub/rendezvous/orders.h"
#include "hub/rendezvous/providers.h"

namespace kachery::hub {

// Network thread only. The loop outlives it; it outlives the loop's run.
struct Rendezvous {
  Rendezvous(Loop& loop, FindSize find_size, const RendezvousLimits& limits = {})
      : providers(loop, limits), orders(loop, providers, std::move(find_size), limits) {}

  Providers providers;
  Orders orders;
  std::size_t asks_waiting = 0;  // Answers that are streamed.
};

}  // namespace kachery::hub
