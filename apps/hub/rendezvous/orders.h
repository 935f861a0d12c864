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

// How large a file of a zone is that this reader may have; none: there is none.
using FindSize =
    std::function<Task<Result<std::optional<ByteCount>>>(ZoneName zone, Reader reader, Digest digest)>;

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
  // The same of the nodes of a channel; a new one goes to those that `search` finds, one after the other.
  Result<std::shared_ptr<Order>> ask(const ChannelId& channel, const Digest& digest, const Asker& asker,
                                     std::shared_ptr<Search> search);
  bool is_under_way(const Asked& asked, const Digest& digest) const {
    return orders_.contains({asked, digest});
  }
  // Takes back that `asker` wants it. Nothing happens where there is nothing to take back.
  void cancel(const Asked& asked, const Digest& digest, const std::string& asker);

  // Takes the orders of channels from nodes that may not provide there any more, as `may` says.
  void review(const std::function<bool(const ChannelId& channel, const NodeId& node)>& may);

  // Wakes everybody who waits for an order.
  void wake_all();

  std::size_t running() const { return orders_.size(); }

  // Where uploads are told of, for those who wait.
  Arrivals& arrivals() { return arrivals_; }

 private:
  using Key = std::pair<Asked, Digest>;

  // The order that is under way, with this asker; none: there is none.
  Result<std::shared_ptr<Order>> join(const Key& key, const Asker& asker);
  Result<std::shared_ptr<Order>> begin(const Key& key, const Asker& asker, std::shared_ptr<Search> search);
  Task<> run(std::shared_ptr<Order> order);
  Task<> run_in_channel(std::shared_ptr<Order> order);
  Task<> watch(std::shared_ptr<Order> order);
  Task<wire::AskState> confirmed(std::shared_ptr<Order> order, wire::AskState said);
  void end(Order& order, wire::AskState last);

  Loop& loop_;
  Providers& providers_;
  FindSize find_size_;
  RendezvousLimits limits_;
  Arrivals arrivals_;
  std::map<Key, std::shared_ptr<Order>> orders_;
  std::map<Asked, std::size_t> counts_;  // Of the orders of each, where there are some.
};

// The order's turn at a provider that does so many at a time; it waits in the queue until then. None: it
// ended first. Both belong to the caller, who waits.
Task<std::optional<Turn>> turn_for(Turns& turns, Order& order);

}  // namespace kachery::hub
