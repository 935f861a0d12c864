// Orders: what providers were asked for, each once however many ask.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "hub/gateway/turns.h"
#include "hub/rendezvous/arrivals.h"
#include "hub/rendezvous/order.h"
#include "hub/rendezvous/providers.h"

namespace kachery::hub {

// How large a file of a zone is; none: it is not there.
using FindSize = std::function<Task<Result<std::optional<ByteCount>>>(ZoneName zone, Digest digest)>;

// Who asks for something, and takes it back: a key, or an address.
struct Asker {
  std::string name;
  std::optional<NodeId> node = {};
};

// Network thread only. The loop and the providers outlive it; it outlives the loop's run. An order goes on
// without those who asked, until it has ended, or the last of them has cancelled.
class Orders {
 public:
  // `find_size` tells whether what a provider calls completed is there; empty: it is believed.
  Orders(Loop& loop, Providers& providers, FindSize find_size, const RendezvousLimits& limits);

  // The order for it that is under way, or a new one. Code::unavailable if nobody serves the name,
  // Code::exhausted if too much is under way.
  Result<std::shared_ptr<Order>> ask(const ResourceId& resource, const Digest& digest, const Asker& asker);
  // Takes back that `asker` wants it. Nothing happens where there is nothing to take back.
  void cancel(const ResourceId& resource, const Digest& digest, const std::string& asker);

  // Wakes everybody who waits for an order.
  void wake_all();

  std::size_t running() const { return orders_.size(); }

  // Where uploads are told of, for those who wait.
  Arrivals& arrivals() { return arrivals_; }

 private:
  using Key = std::pair<ResourceId, Digest>;

  Task<> run(std::shared_ptr<Order> order);
  Task<> watch(std::shared_ptr<Order> order);
  Task<wire::AskState> confirmed(std::shared_ptr<Order> order, wire::AskState said);
  void end(Order& order, wire::AskState last);

  Loop& loop_;
  Providers& providers_;
  FindSize find_size_;
  RendezvousLimits limits_;
  Arrivals arrivals_;
  std::map<Key, std::shared_ptr<Order>> orders_;
  std::map<ResourceId, std::size_t> counts_;  // Of the orders of a resource, where there are some.
};

// The order's turn at a provider that does so many at a time; it waits in the queue until then. None: it
// ended first. Both belong to the caller, who waits.
Task<std::optional<Turn>> turn_for(Turns& turns, Order& order);

}  // namespace kachery::hub
