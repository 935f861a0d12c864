// Asking: how an order becomes lines of an answer.
#include "hub/gateway/resource_handlers.h"
#include "wire/hub.h"
#include "wire/resources.h"

namespace kachery::hub {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kAskTimeMaxMs = 86'400'000;

// Lines that say how it is with an order: one at once, then whenever it changes, and now and then.
class AskLines final : public Body {
 public:
  AskLines(Rendezvous& rendezvous, std::shared_ptr<Order> order, steady_clock::time_point until)
      : rendezvous_(rendezvous), order_(std::move(order)), until_(until) {
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
    line_ = wire::print(order_->state()) + "\n";
    co_return as_bytes(line_);
  }

 private:
  Task<> wait_for_change() {
    const auto line_due = std::min(until_, steady_clock::now() + kAwaitLineWait);
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(line_due - steady_clock::now());
      if (order_->told() != told_ || rendezvous_.is_stopping || left.count() <= 0) co_return;
      co_await order_->changed().wait(left);
    }
  }

  Rendezvous& rendezvous_;
  std::shared_ptr<Order> order_;
  steady_clock::time_point until_;
  std::uint64_t told_ = 0;  // What was told when the last line was made.
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
  Response response = lines_answer();
  response.body = std::make_unique<AskLines>(rendezvous, *std::move(order), until);
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
