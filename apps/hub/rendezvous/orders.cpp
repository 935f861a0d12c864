#include "hub/rendezvous/orders.h"

#include "core/text.h"
#include "hub/operations/log.h"

namespace kachery::hub {
namespace {

using std::chrono::steady_clock;

wire::AskState failed(Code code, std::string message) {
  return wire::ask_failed({code, std::move(message)});
}

std::unexpected<Error> too_many(const std::string& of_what) {
  return fail(Code::exhausted, "too many files are being asked for " + of_what + ": try again later");
}

}  // namespace

Orders::Orders(Loop& loop, Providers& providers, FindSize find_size, const RendezvousLimits& limits)
    : loop_(loop),
      providers_(providers),
      find_size_(std::move(find_size)),
      limits_(limits),
      arrivals_(limits.arriving_chunks_max) {}

Result<std::shared_ptr<Order>> Orders::ask(const ResourceId& resource, const Digest& digest,
                                           const Asker& asker) {
  const Key key{resource, digest};
  KACHERY_TRY(under_way, join(key, asker));
  if (under_way) return under_way;
  if (!providers_.expects(resource))
    return fail(Code::unavailable,
                "nobody serves " + resource.str() +
                    " now: it can be asked as soon as its daemon runs (kachery-resource share)");
  KACHERY_TRY(order, begin(key, asker, nullptr));
  loop_.spawn(run(order));
  return order;
}

Result<std::shared_ptr<Order>> Orders::ask(const ChannelId& channel, const Digest& digest, const Asker& asker,
                                           std::shared_ptr<Search> search) {
  const Key key{channel, digest};
  KACHERY_TRY(under_way, join(key, asker));
  if (under_way) return under_way;
  KACHERY_TRY(order, begin(key, asker, std::move(search)));
  loop_.spawn(run_in_channel(order));
  return order;
}

Result<std::shared_ptr<Order>> Orders::join(const Key& key, const Asker& asker) {
  const auto found = orders_.find(key);
  if (found == orders_.end()) return nullptr;
  std::set<std::string>& askers = found->second->askers_;
  if (askers.size() >= limits_.askers_of_order_max && !askers.contains(asker.name))
    return too_many("by others: this one");
  askers.insert(asker.name);
  return found->second;
}

Result<std::shared_ptr<Order>> Orders::begin(const Key& key, const Asker& asker,
                                             std::shared_ptr<Search> search) {
  const auto& [asked, digest] = key;
  if (orders_.size() >= limits_.orders_max) return too_many("at this hub");
  const auto count = counts_.find(asked);
  if (count != counts_.end() && count->second >= limits_.orders_of_one_max)
    return too_many("of " + str(asked));

  const auto* channel = std::get_if<ChannelId>(&asked);
  wire::Upload upload{.zone = std::visit([](const auto& what) { return what.zone; }, asked),
                      .digest = digest,
                      .channel = channel == nullptr ? std::nullopt : std::optional(channel->name),
                      .asker = asker.node};
  auto order = std::make_shared<Order>(loop_, asked, std::move(upload), std::move(search), limits_);
  order->askers_.insert(asker.name);
  orders_.emplace(key, order);
  ++counts_[asked];
  arrivals_.expect(*order);
  loop_.spawn(watch(order));
  return order;
}

void Orders::cancel(const Asked& asked, const Digest& digest, const std::string& asker) {
  const auto found = orders_.find({asked, digest});
  if (found == orders_.end()) return;
  const std::shared_ptr<Order> order = found->second;
  if (order->askers_.erase(asker) == 0 || !order->askers_.empty()) return;
  end(*order, failed(Code::cancelled, "everybody who asked for it has cancelled"));
}

void Orders::review(const std::function<bool(const ChannelId& channel, const NodeId& node)>& may) {
  for (const auto& [key, order] : orders_) {
    const auto* channel = std::get_if<ChannelId>(&key.first);
    if (channel != nullptr && order->provider_ && !may(*channel, *order->provider_)) order->give_up();
  }
}

void Orders::wake_all() {
  for (const auto& [key, order] : orders_) order->changed().notify();
}

Task<> Orders::run(std::shared_ptr<Order> order) {
  const ResourceId resource = std::get<ResourceId>(order->asked());
  std::shared_ptr<Provider> gone;
  while (!order->has_ended()) {
    const std::shared_ptr<Provider> provider = co_await providers_.await(resource, gone, limits_.return_wait);
    if (!provider) {
      end(*order,
          failed(Code::unavailable, gone ? "the provider went away, and has not come back; ask again later"
                                         : "nobody serves " + resource.str() + " now"));
      co_return;
    }
    if (order->has_ended()) co_return;
    order->begin_attempt(provider->node());
    Result<wire::AskState> said = co_await provider->upload(order);
    if (order->has_ended()) co_return;
    if (!said) {
      gone = provider;
      continue;
    }
    wire::AskState last = co_await confirmed(order, *std::move(said));
    end(*order, std::move(last));
  }
}

// Whatever goes wrong with one node is the next one's turn.
Task<> Orders::run_in_channel(std::shared_ptr<Order> order) {
  const ChannelId channel = std::get<ChannelId>(order->asked());
  const std::shared_ptr<Search> search = order->search_;
  wire::AskState last = failed(Code::unavailable, "no node of " + channel.str() + " has it any more");
  while (!order->has_ended()) {
    const std::shared_ptr<Provider> provider = co_await search->take(channel.name);
    if (order->has_ended()) co_return;
    if (!provider) {
      end(*order, std::move(last));
      co_return;
    }
    order->begin_attempt(provider->node());
    Result<wire::AskState> said = co_await provider->upload(order);
    if (order->has_ended()) co_return;
    const bool was_wanted = order->is_wanted();
    if (!said || !was_wanted) {
      last =
          failed(Code::unavailable, was_wanted ? "the node that had it went away"
                                               : "the node that had it sent nothing for too long, or may not "
                                                 "provide files there any more");
    } else {
      last = co_await confirmed(order, *std::move(said));
    }
    if (last.state == wire::kCompleted) {
      end(*order, std::move(last));
      co_return;
    }
    log(Severity::warning, "provider_failed",
        {{"of", channel.str()},
         {"digest", order->upload().digest.hex()},
         {"node", provider->node() ? provider->node()->hex() : ""},
         {"why", printable(last.message.value_or(last.state))}});
  }
}

// What a provider says last, as far as it can be believed.
Task<wire::AskState> Orders::confirmed(std::shared_ptr<Order> order, wire::AskState said) {
  if (said.state == wire::kNotFound) co_return said;
  if (said.state == wire::kError) {
    if (!said.code) said.code = Code::internal;
    if (!said.message) said.message = "the provider failed, and does not say why";
    co_return said;
  }
  if (said.state != wire::kCompleted)
    co_return failed(Code::invalid, "the provider ended with the state \"" +
                                        printable(said.state.substr(0, 40)) + "\", which is no end");
  if (!find_size_) co_return said;
  const wire::Upload& upload = order->upload();
  Reader reader{.zone = !upload.channel};
  if (upload.channel) reader.channels.push_back(*upload.channel);
  const Result<std::optional<ByteCount>> size =
      co_await find_size_(upload.zone, std::move(reader), upload.digest);
  if (!size)
    co_return failed(size.error().code, "whether the file has come cannot be told: " + size.error().message);
  if (!*size) {
    log(Severity::warning, "provider_lied", {{"of", str(order->asked())}, {"digest", upload.digest.hex()}});
    providers_.note_failure(order->provider_);
    co_return failed(Code::corrupt,
                     "the provider says that it has sent the file, but the zone does not have it");
  }
  said.size = *size;
  said.bytes_uploaded = *size;
  co_return said;
}

// Ends what does not get further.
Task<> Orders::watch(std::shared_ptr<Order> order) {
  while (!order->has_ended()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(order->fails_at() - steady_clock::now());
    if (left.count() > 0) {
      co_await order->changed().wait(left);
      continue;
    }
    log(Severity::warning, "order_stalled",
        {{"of", str(order->asked())}, {"digest", order->upload().digest.hex()}});
    providers_.note_failure(order->provider_);
    if (order->has_others()) {
      order->give_up();
    } else {
      end(*order, failed(Code::timed_out, "the provider has sent nothing for too long; ask again later"));
    }
  }
}

void Orders::end(Order& order, wire::AskState last) {
  if (order.has_ended()) return;
  const Asked asked = order.asked();
  arrivals_.forget(order);
  order.end(std::move(last));
  if (--counts_[asked] == 0) counts_.erase(asked);
  orders_.erase({asked, order.upload().digest});
}

Task<std::optional<Turn>> turn_for(Turns& turns, Order& order) {
  constexpr std::chrono::milliseconds kLookWait{1'000};  // So that what was cancelled leaves the queue.
  std::optional<Turn> turn = co_await turns.take(std::chrono::milliseconds(0));
  while (!turn && order.is_wanted()) {
    order.progress({.state = wire::kQueued});
    turn = co_await turns.take(kLookWait);
  }
  co_return turn;
}

}  // namespace kachery::hub
