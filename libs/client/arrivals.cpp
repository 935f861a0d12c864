#include "client/arrivals.h"

#include <algorithm>
#include <chrono>

#include "store/pump.h"

namespace kachery {
namespace {

// 2 GiB of chunks; their URLs are 100 KB.
constexpr std::size_t kWaitingMax = 256;

// How soon a waiting thread sees that the user has had enough.
constexpr std::chrono::milliseconds kLookForCancelEvery{200};

}  // namespace

void Arrivals::add(wire::Arrivals come) {
  const std::scoped_lock lock(mutex_);
  if (manifest_ != come.manifest) waiting_.clear();  // Another upload has begun.
  manifest_ = come.manifest;
  for (wire::ArrivedChunk& chunk : come.chunks)
    if (waiting_.size() < kWaitingMax) waiting_.push_back(std::move(chunk));
  changed_.notify_all();
}

void Arrivals::end(Result<> outcome) {
  const std::scoped_lock lock(mutex_);
  outcome_ = std::move(outcome);
  changed_.notify_all();
}

void Arrivals::drop() {
  const std::scoped_lock lock(mutex_);
  is_dropped_ = true;
  changed_.notify_all();
}

// Who asks always comes to an end, and so does this.
template <class Ready>
bool Arrivals::wait_for(std::unique_lock<std::mutex>& lock, const std::atomic<bool>& cancel, Ready ready) {
  const auto is_over = [&] { return ready() || outcome_ || is_dropped_; };
  while (!cancel && !changed_.wait_for(lock, kLookForCancelEvery, is_over)) continue;
  return !cancel && ready();
}

template <class Find>
std::optional<wire::ArrivedChunk> Arrivals::take_when_there(const std::atomic<bool>& cancel, Find find) {
  std::unique_lock lock(mutex_);
  Waiting::iterator found;
  const auto is_there = [&] { return (found = find(waiting_)) != waiting_.end(); };
  if (!wait_for(lock, cancel, is_there) || outcome_ || is_dropped_) return std::nullopt;
  wire::ArrivedChunk chunk = std::move(*found);
  waiting_.erase(found);
  return chunk;
}

std::optional<wire::ArrivedChunk> Arrivals::next(const std::atomic<bool>& cancel) {
  return take_when_there(cancel, [](Waiting& waiting) { return waiting.begin(); });
}

std::optional<wire::ArrivedChunk> Arrivals::take(std::uint64_t number, const std::atomic<bool>& cancel) {
  return take_when_there(cancel, [number](Waiting& waiting) {
    return std::ranges::find(waiting, number, &wire::ArrivedChunk::number);
  });
}

std::optional<Digest> Arrivals::manifest() const {
  const std::scoped_lock lock(mutex_);
  return manifest_;
}

Result<> Arrivals::outcome(const std::atomic<bool>& cancel) {
  std::unique_lock lock(mutex_);
  if (!wait_for(lock, cancel, [&] { return outcome_.has_value(); })) return fail_cancelled();
  return *outcome_;
}

}  // namespace kachery
