// Asking: how an order becomes lines of an answer.
#include "hub/gateway/resource_handlers.h"
#include "hub/gateway/small_files.h"
#include "wire/hub.h"
#include "wire/resources.h"
#include "wire/sizes.h"

namespace kachery::hub {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kAskTimeMaxMs = 86'400'000;

// What has come of an order, for one asker, who may fetch in its zone. The services outlive it.
class Relay {
 public:
  // `actor`: for whom the URLs are.
  Relay(const Services& services, std::string actor) : services_(services), actor_(std::move(actor)) {}

  // Whether there is something that was not told yet.
  bool has_more(const Order& order) const {
    const ArrivingUpload* upload = order.arriving();
    return upload != nullptr && (upload->id() != upload_ || upload->come().size() > told_);
  }
  // The next of it.
  wire::Omissible<wire::Arrivals> next(const Order& order) {
    if (!has_more(order)) return {};
    const ArrivingUpload& upload = *order.arriving();
    if (upload_ != upload.id()) told_ = 0;
    upload_ = upload.id();
    wire::Arrivals arrivals{.manifest = upload.manifest(), .chunks = {}};
    const std::int64_t expires_s = services_.clock.now_ns() / 1'000'000'000 + kGetUrlSeconds;
    for (; told_ < upload.come().size() && arrivals.chunks.size() < wire::kArrivalsMax; ++told_) {
      const ArrivingUpload::Chunk& chunk = upload.come()[told_];
      const BucketObject object{.zone = order.upload().zone, .name = chunk.entry.sha256};
      arrivals.chunks.push_back({.number = chunk.number,
                                 .sha256 = chunk.entry.sha256,
                                 .size = chunk.entry.size,
                                 .url = services_.urls.get(object, actor_, expires_s)});
    }
    return arrivals;
  }

 private:
  const Services& services_;
  std::string actor_;
  std::string upload_;    // Whose chunks were told,
  std::size_t told_ = 0;  // so many.
};

// Lines that say how it is with an order: one at once, then whenever it changes, and now and then.
class AskLines final : public Body {
 public:
  AskLines(Rendezvous& rendezvous, std::shared_ptr<Order> order, steady_clock::time_point until,
           std::optional<Relay> relay)
      : rendezvous_(rendezvous), order_(std::move(order)), until_(until), relay_(std::move(relay)) {
    ++rendezvous_.asks_waiting;
  }
  AskLines(const AskLines&) = delete;
  AskLines& operator=(const AskLines&) = delete;
  ~AskLines() override { --rendezvous_.asks_waiting; }

  std::optional<ByteCount> size() const override { return std::nullopt; }

  Task<Result<ByteView>> next() override {
    if (has_ended_) co_return ByteView();
    if (told_ != 0) co_await wait_for_change();
    // The connection breaks, and so the asker asks again, of the next hub.
    if (rendezvous_.is_stopping && !order_->has_ended()) co_return fail(Code::unavailable, "the hub stops");
    told_ = order_->told();
    has_ended_ = order_->has_ended() || steady_clock::now() >= until_;
    wire::AskState state = order_->state();
    if (relay_ && !has_ended_) state.arrivals = relay_->next(*order_);
    line_ = wire::print(state) + "\n";
    co_return as_bytes(line_);
  }

 private:
  Task<> wait_for_change() {
    const auto line_due = std::min(until_, steady_clock::now() + kAwaitLineWait);
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(line_due - steady_clock::now());
      const bool has_news = order_->told() != told_ || (relay_ && relay_->has_more(*order_));
      if (has_news || rendezvous_.is_stopping || left.count() <= 0) co_return;
      co_await order_->changed().wait(left);
    }
  }

  Rendezvous& rendezvous_;
  std::shared_ptr<Order> order_;
  steady_clock::time_point until_;
  std::optional<Relay> relay_;  // None: the asker did not ask for it.
  std::uint64_t told_ = 0;      // What was told when the last line was made.
  std::string line_;
  bool has_ended_ = false;
};

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

Task<Result<Response>> ask(Call call, wire::AskFile message) {
  if (message.timeout_ms > kAskTimeMaxMs)
    co_return fail(Code::invalid, "the timeout is " + std::to_string(message.timeout_ms) + " ms: at most " +
                                      std::to_string(kAskTimeMaxMs) + " ms, a day, can be waited for");
  const steady_clock::time_point until = steady_clock::now() + std::chrono::milliseconds(message.timeout_ms);
  const ResourceId resource{message.zone, message.resource};
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  if (!facts->resources.contains(resource))
    co_return fail(Code::not_found, "no resource " + resource.name.str() + " is registered in the zone " +
                                        resource.zone.str() +
                                        ": kachery resource list prints those that are");
  if (!message.ignore_bucket) {
    KACHERY_CO_TRY(size, co_await find_size(call.services(), message.zone, message.digest));
    if (size) co_return one_line({.state = wire::kCompleted, .size = size, .bytes_uploaded = size});
  }
  Rendezvous& rendezvous = call.shared.rendezvous;
  Result<std::shared_ptr<Order>> order =
      rendezvous.orders.ask(resource, message.digest, asker_of(call.permit, call.head));
  if (!order) co_return one_line(wire::ask_failed(order.error()));
  std::optional<Relay> relay;
  if (message.relay.value_or(false)) relay.emplace(call.services(), url_actor(call.permit));
  Response response = lines_answer();
  response.body = std::make_unique<AskLines>(rendezvous, *std::move(order), until, std::move(relay));
  co_return response;
}

Task<Result<wire::Done>> cancel(Call call, wire::CancelAsk message) {
  const ResourceId resource{message.zone, message.resource};
  call.shared.rendezvous.orders.cancel(resource, message.digest, asker_of(call.permit, call.head).name);
  co_return wire::Done{true};
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
  return routes;
}

}  // namespace kachery::hub
