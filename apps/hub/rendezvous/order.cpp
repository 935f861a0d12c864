#include "hub/rendezvous/order.h"

#include "core/text.h"

namespace kachery::hub {

using std::chrono::steady_clock;

std::string str(const Asked& asked) {
  return std::visit([](const auto& what) { return what.str(); }, asked);
}

Order::Order(Loop& loop, Asked asked, wire::Upload upload, std::shared_ptr<Search> search,
             const RendezvousLimits& limits)
    : asked_(std::move(asked)),
      upload_(std::move(upload)),
      search_(std::move(search)),
      limits_(limits),
      state_{.state = wire::kAsking},
      changed_(loop) {}

void Order::progress(wire::AskState said) {
  if (!is_wanted() || (said.state != wire::kQueued && said.state != wire::kRunning)) return;
  const bool is_new = said.state != state_.state;
  const bool has_more = said.bytes_uploaded.value_or(0) > state_.bytes_uploaded.value_or(0);
  // Before the first byte a provider may read the file for hours; so then any word is progress.
  if (is_new || has_more || said.bytes_uploaded.value_or(0) == 0) advanced_ = steady_clock::now();
  if (has_more) grown_ = advanced_;
  state_ = {.state = std::move(said.state), .size = said.size, .bytes_uploaded = said.bytes_uploaded};
  if (is_new || steady_clock::now() - told_at_ >= limits_.tell_every) tell();
}

void Order::end(wire::AskState last) {
  if (has_ended_) return;
  if (last.message) last.message = printable(last.message->substr(0, kReasonBytesMax));
  if (!last.size) last.size = state_.size;
  if (!last.bytes_uploaded) last.bytes_uploaded = state_.bytes_uploaded;
  last.arrivals.reset();  // No provider tells askers where to fetch.
  state_ = std::move(last);
  has_ended_ = true;
  stop_->request();
  search_.reset();
  tell();
}

void Order::begin_attempt(const std::optional<NodeId>& provider) {
  provider_ = provider;
  stop_ = std::make_unique<CallStop>();
  advanced_ = grown_ = steady_clock::now();
  if (state_.state == wire::kAsking) return;
  state_ = {.state = wire::kAsking};
  tell();
}

void Order::give_up() {
  stop_->request();
  changed_.notify();
}

bool Order::has_others() const {
  const auto* channel = std::get_if<ChannelId>(&asked_);
  return channel != nullptr && search_ && search_->has_more(channel->name);
}

void Order::tell() {
  ++told_;
  told_at_ = steady_clock::now();
  changed_.notify();
}

Order::TimePoint Order::fails_at() const {
  const TimePoint last = begun_ + limits_.order_max;
  if (!is_wanted()) return last;
  if (has_others()) return std::min(last, grown_ + limits_.stall_wait_with_others);
  // In a queue others are worked on.
  if (state_.state == wire::kQueued) return last;
  return std::min(last, advanced_ + limits_.stall_wait);
}

}  // namespace kachery::hub
