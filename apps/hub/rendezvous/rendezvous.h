// Rendezvous: where those who ask and those who provide meet.
#pragma once

#include "hub/rendezvous/orders.h"
#include "hub/rendezvous/providers.h"

namespace kachery::hub {

// Network thread only. The loop outlives it; it outlives the loop's run.
struct Rendezvous {
  Rendezvous(Loop& loop, OwnerOf owner_of, FindSize find_size, const RendezvousLimits& limited = {})
      : limits(limited),
        providers(loop, std::move(owner_of), limits),
        orders(loop, providers, std::move(find_size), limits) {}

  // The hub stops: daemons are to come back later, and whoever waits is to ask again.
  void stop() {
    is_stopping = true;
    providers.review([](const Post&, const Provider&) -> Result<> {
      return fail(Code::unavailable, "the hub stops; connect again");
    });
    orders.wake_all();
  }

  const RendezvousLimits limits;
  bool is_stopping = false;
  Providers providers;
  Orders orders;
  std::size_t asks_waiting = 0;  // Answers that are streamed.
};

}  // namespace kachery::hub
