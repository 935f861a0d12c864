#include "hub/gateway/ask_lines.h"

#include "hub/gateway/small_files.h"
#include "wire/hub.h"
#include "wire/sizes.h"

namespace kachery::hub {
namespace {

using std::chrono::steady_clock;

// What has come of an order, for one asker, who may fetch where it was asked. The services outlive it.
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
      const BucketObject object{
          .zone = order.upload().zone, .name = chunk.entry.sha256, .channel = order.upload().channel};
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

class AskLines final : public Body {
 public:
  explicit AskLines(AskLinesParts parts)
      : parts_(std::move(parts)), relay_(parts_.shared.services, url_actor(parts_.permit)) {
    ++rendezvous().asks_waiting;
  }
  AskLines(const AskLines&) = delete;
  AskLines& operator=(const AskLines&) = delete;
  ~AskLines() override { --rendezvous().asks_waiting; }

  std::optional<ByteCount> size() const override { return std::nullopt; }

  Task<Result<ByteView>> next() override {
    if (has_ended_) co_return ByteView();
    if (told_ != 0) co_await wait_for_change();
    // The connection breaks, and so the asker asks again, of the next hub.
    if (rendezvous().is_stopping && !order().has_ended()) co_return fail(Code::unavailable, "the hub stops");
    if (const Result<> may = may_ask(); !may) {
      rendezvous().orders.cancel(order().asked(), order().upload().digest, parts_.asker.name);
      has_ended_ = true;
      co_return line_of(wire::ask_failed(may.error()));
    }
    if (has_failed()) co_await try_elsewhere();
    told_ = order().told();
    has_ended_ = order().has_ended() || steady_clock::now() >= parts_.until;
    wire::AskState state = order().state();
    if (parts_.relay && !has_ended_) state.arrivals = relay_.next(order());
    co_return line_of(state);
  }

 private:
  Rendezvous& rendezvous() { return parts_.shared.rendezvous; }
  Order& order() { return *parts_.order; }

  ByteView line_of(const wire::AskState& state) {
    line_ = wire::print(state) + "\n";
    return as_bytes(line_);
  }

  // As things are now.
  Result<> may_ask() {
    const std::shared_ptr<const Facts> facts = parts_.shared.services.facts.now();
    const wire::Upload& upload = order().upload();
    const ChannelName* channel = upload.channel ? &*upload.channel : nullptr;
    KACHERY_TRY(authorize(*facts, parts_.permit.actor(), parts_.permit.action(), &upload.zone, channel));
    return {};
  }

  bool has_failed() {
    const wire::AskState& state = order().state();
    return order().has_ended() && state.state != wire::kCompleted && state.code != Code::cancelled;
  }

  // In another channel, if somebody has it there.
  Task<> try_elsewhere() {
    if (!parts_.search) co_return;
    const std::optional<ChannelName> channel = co_await parts_.search->next_channel();
    if (!channel) co_return;
    const ChannelId id{order().upload().zone, *channel};
    const Digest digest = order().upload().digest;
    Result<std::shared_ptr<Order>> other = rendezvous().orders.ask(id, digest, parts_.asker, parts_.search);
    if (other) parts_.order = *std::move(other);
  }

  Task<> wait_for_change() {
    const auto line_due = std::min(parts_.until, steady_clock::now() + kAwaitLineWait);
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(line_due - steady_clock::now());
      const bool has_news = order().told() != told_ || (parts_.relay && relay_.has_more(order()));
      if (has_news || rendezvous().is_stopping || left.count() <= 0 || !may_ask()) co_return;
      co_await order().changed().wait(left);
    }
  }

  AskLinesParts parts_;
  Relay relay_;
  std::uint64_t told_ = 0;  // What was told when the last line was made.
  std::string line_;
  bool has_ended_ = false;
};

}  // namespace

std::unique_ptr<Body> ask_lines(AskLinesParts parts) {
  return std::make_unique<AskLines>(std::move(parts));
}

}  // namespace kachery::hub
