// Asking: of resources, and of the nodes of channels.
#include <algorithm>

#include "hub/gateway/ask_lines.h"
#include "hub/gateway/resource_handlers.h"
#include "wire/hub.h"
#include "wire/resources.h"

namespace kachery::hub {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kAskTimeMaxMs = 86'400'000;
constexpr std::size_t kNamesShown = 5;

Response lines_answer() {
  Response response;
  response.fields.add("Content-Type", "application/x-ndjson");
  response.fields.add("X-Accel-Buffering", "no");
  return response;
}

// Of what has ended before anybody waits.
Response one_line(const wire::AskState& last) {
  Response response = lines_answer();
  response.body = wire::print(last) + "\n";
  return response;
}

// The answer for as long as the order goes on.
Response lines_of(const Call& call, const wire::AskFile& message, std::shared_ptr<Order> order,
                  std::shared_ptr<Search> search) {
  Response response = lines_answer();
  response.body = ask_lines({.shared = call.shared,
                             .permit = call.permit,
                             .asker = asker_of(call.permit, call.head),
                             .order = std::move(order),
                             .search = std::move(search),
                             .until = steady_clock::now() + std::chrono::milliseconds(message.timeout_ms),
                             .relay = message.relay.value_or(false)});
  return response;
}

// What is there already; none: it has to be asked for.
Task<Result<std::optional<Response>>> answer_of_bucket(Call call, const wire::AskFile& message,
                                                       Reader reader) {
  if (message.ignore_bucket) co_return std::nullopt;
  KACHERY_CO_TRY(size, co_await find_size(call.services(), message.zone, std::move(reader), message.digest));
  if (!size) co_return std::nullopt;
  co_return one_line({.state = wire::kCompleted, .size = size, .bytes_uploaded = size});
}

// --- A resource

Task<Result<Response>> ask_resource(Call call, const wire::AskFile& message) {
  if (message.channel)
    co_return fail(Code::invalid,
                   "a resource uploads to the zone, and not to a channel: name the one or the other");
  const ResourceId resource{message.zone, *message.resource};
  if (!call.services().facts.now()->resources.contains(resource))
    co_return fail(Code::not_found, "no resource " + resource.name.str() + " is registered in the zone " +
                                        resource.zone.str() +
                                        ": kachery resource list prints those that are");
  Reader of_zone{.zone = true};
  KACHERY_CO_TRY(here, co_await answer_of_bucket(call, message, std::move(of_zone)));
  if (here) co_return *std::move(here);
  Result<std::shared_ptr<Order>> order =
      call.shared.rendezvous.orders.ask(resource, message.digest, asker_of(call.permit, call.head));
  if (!order) co_return one_line(wire::ask_failed(order.error()));
  co_return lines_of(call, message, *std::move(order), nullptr);
}

// --- Channels

// "the channels a and b", of those in which somebody requests files.
std::string names_of(const std::vector<ChannelName>& channels) {
  std::string names = channels.size() == 1 ? "the channel " : "the channels ";
  const std::size_t shown = std::min(channels.size(), kNamesShown);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) names += i + 1 == channels.size() ? " and " : ", ";
    names += channels[i].str();
  }
  if (shown < channels.size()) names += " and " + std::to_string(channels.size() - shown) + " more";
  return names;
}

// Why nobody of them uploads it.
std::string nobody_has_it(const std::vector<ChannelName>& channels, std::size_t asked, std::size_t silent) {
  if (channels.empty())
    return "this node requests files in no channel of the zone (kachery channel list), so nobody was asked";
  const std::string where = "asked in " + names_of(channels) + ": ";
  if (asked == 0) return where + "no node that provides files there is connected now";
  const std::string nodes = asked == 1
                                ? "1 node that provides files there is connected"
                                : std::to_string(asked) + " nodes that provide files there are connected";
  if (silent == 0) return where + nodes + (asked == 1 ? ", and does not have it" : ", and none has it");
  return where + nodes + ", of which " + std::to_string(silent) + " did not answer, and no other has it";
}

// Those who provide files in one of these channels, and are connected. Nobody is asked for what they ask for.
std::vector<Candidate> candidates_in(const Call& call, const ZoneName& zone,
                                     const std::vector<ChannelName>& channels) {
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  std::map<NodeId, Candidate> found;
  for (const ChannelName& name : channels) {
    const ChannelFacts* channel = find_channel(*facts, {zone, name});
    if (channel == nullptr) continue;
    for (const auto& [node, wanted] : channel->members) {
      if (node == call.permit.node()) continue;
      if (!member_in(*facts, *channel, node).effective().has(Role::provide_files)) continue;
      std::shared_ptr<Provider> provider = call.shared.rendezvous.providers.find(NodeInZone{zone, node});
      if (!provider) continue;
      Candidate& candidate = found[node];
      candidate.provider = std::move(provider);
      candidate.channels.push_back(name);
    }
  }
  std::vector<Candidate> candidates;
  candidates.reserve(found.size());
  for (auto& [node, candidate] : found) candidates.push_back(std::move(candidate));
  return candidates;
}

std::shared_ptr<Search> search_for(const Call& call, const ZoneName& zone, const Digest& digest,
                                   const std::vector<ChannelName>& channels) {
  const Rendezvous& rendezvous = call.shared.rendezvous;
  return std::make_shared<Search>(call.services().loop, rendezvous.providers, zone, digest,
                                  candidates_in(call, zone, channels), rendezvous.limits.have_wait);
}

Task<Result<Response>> ask_channels(Call call, const wire::AskFile& message) {
  const Reader reader =
      reader_in(*call.services().facts.now(), call.permit.actor(), message.zone, message.channel);
  KACHERY_CO_TRY(here, co_await answer_of_bucket(call, message, reader));
  if (here) co_return *std::move(here);

  Orders& orders = call.shared.rendezvous.orders;
  std::optional<ChannelName> channel;
  for (const ChannelName& name : reader.channels)
    if (orders.is_under_way(ChannelId{message.zone, name}, message.digest)) channel = name;
  const std::shared_ptr<Search> search = search_for(call, message.zone, message.digest, reader.channels);
  if (!channel) channel = co_await search->next_channel();
  if (!channel)
    co_return one_line({.state = wire::kNotFound,
                        .message = nobody_has_it(reader.channels, search->asked(), search->silent())});
  const ChannelId id{message.zone, *channel};
  Result<std::shared_ptr<Order>> order =
      orders.ask(id, message.digest, asker_of(call.permit, call.head), search);
  if (!order) co_return one_line(wire::ask_failed(order.error()));
  co_return lines_of(call, message, *std::move(order), search);
}

// --- Routes

Task<Result<Response>> ask(Call call, wire::AskFile message) {
  if (message.timeout_ms > kAskTimeMaxMs)
    co_return fail(Code::invalid, "the timeout is " + std::to_string(message.timeout_ms) + " ms: at most " +
                                      std::to_string(kAskTimeMaxMs) + " ms, a day, can be waited for");
  Task<Result<Response>> answer =
      message.resource ? ask_resource(call, message) : ask_channels(call, message);
  co_return co_await std::move(answer);
}

Task<Result<wire::Done>> cancel(Call call, wire::CancelAsk message) {
  const std::string asker = asker_of(call.permit, call.head).name;
  Orders& orders = call.shared.rendezvous.orders;
  if (message.resource) {
    orders.cancel(ResourceId{message.zone, *message.resource}, message.digest, asker);
    co_return wire::Done{true};
  }
  const Reader reader =
      reader_in(*call.services().facts.now(), call.permit.actor(), message.zone, message.channel);
  for (const ChannelName& name : reader.channels)
    orders.cancel(ChannelId{message.zone, name}, message.digest, asker);
  co_return wire::Done{true};
}

Task<Result<wire::Holders>> find_holders(Call call, wire::AskHolders message) {
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const Reader reader = reader_in(*facts, call.permit.actor(), message.zone, message.channel);
  const std::shared_ptr<Search> search = search_for(call, message.zone, message.digest, reader.channels);
  co_await search->finish();
  wire::Holders answer{
      .channels = reader.channels, .asked = search->asked(), .silent = search->silent(), .holders = {}};
  for (const Search::Holder& holder : search->holders()) {
    const NodeId node = *holder.who.provider->node();
    const auto known = facts->nodes.find(node);
    answer.holders.push_back({.node = node,
                              .label = known == facts->nodes.end() ? "" : known->second.label,
                              .channels = holder.who.channels,
                              .size = holder.size});
  }
  co_return answer;
}

}  // namespace

Asker asker_of(const Permit& permit, const RequestHead& head) {
  const std::optional<NodeId> node = permit.node();
  return {.name = node ? node->hex() : "address " + address_group(head.peer), .node = node};
}

std::vector<Route> ask_routes() {
  std::vector<Route> routes;
  routes.push_back(message_route("/v1/files/ask", Action::ask, ask));
  routes.push_back(message_route("/v1/files/ask/cancel", Action::ask, cancel));
  routes.push_back(message_route("/v1/files/holders", Action::ask_channels, find_holders));
  return routes;
}

}  // namespace kachery::hub
