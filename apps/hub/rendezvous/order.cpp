#include "hub/rendezvous/order.h"

#include "core/text.h"

namespace kachery::hub {

using std::chrono::steady_clock;

Order::Order(Loop& loop, ResourceId resource, wire::Upload upload, const RendezvousLimits& limits)
    : resource_(std::move(resource)),
      upload_(std::move(upload)),
      limits_(limits),
      state_{.state = wire::kAsking},
      changed_(loop) {}

void Order::progress(wire::AskState said) {
  if (has_ended_ || (said.state != wire::kQueued && said.state != wire::kRunning)) return;
  const bool is_new = said.state != state_.state;
  const bool has_more = said.bytes_uploaded.value_or(0) > state_.bytes_uploaded.value_or(0);
  // Before the first byte a provider may read the file for hours; so then any word is progress.
  if (is_new || has_more || said.bytes_uploaded.value_or(0) == 0) advanced_ = steady_clock::now();
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
  stop_.request();
  tell();
}

void Order::tell() {
  ++told_;
  told_at_ = steady_clock::now();
  changed_.notify();
}

Order::TimePoint Order::fails_at() const {
  const TimePoint last = begun_ + limits_.order_max;
  // In a queue others are worked on.
  if (state_.state == wire::kQueued) return last;
  return std::min(last, advanced_ + limits_.stall_wait);
}

}  // namespace kachery::hub
