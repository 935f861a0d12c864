// Arrivals: chunks of a file as they come to a zone, from whoever hears of them to those who fetch them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "core/error.h"
#include "wire/resources.h"

namespace kachery {

// Thread-safe.
class Arrivals {
 public:
  // --- For who hears of them

  // What does not fit any more is left out: it is fetched when everything has come.
  void add(wire::Arrivals come);
  // No more come. Success: the zone has the whole file.
  void end(Result<> outcome);
  // Set when nobody waits for them any more.
  const std::atomic<bool>& is_dropped() const { return is_dropped_; }

  // --- For those who fetch

  // Waits for the next one, each of which is given once; none: it has ended, was dropped, or cancelled.
  std::optional<wire::ArrivedChunk> next(const std::atomic<bool>& cancel);
  // The same for the one with this number.
  std::optional<wire::ArrivedChunk> take(std::uint64_t number, const std::atomic<bool>& cancel);
  // That the provider is going to commit; none until a chunk has come.
  std::optional<Digest> manifest() const;
  void drop();
  // Waits for the end. Code::cancelled also if it was dropped.
  Result<> outcome(const std::atomic<bool>& cancel);

 private:
  using Waiting = std::deque<wire::ArrivedChunk>;

  template <class Find>
  std::optional<wire::ArrivedChunk> take_when_there(const std::atomic<bool>& cancel, Find find);
  template <class Ready>
  bool wait_for(std::unique_lock<std::mutex>& lock, const std::atomic<bool>& cancel, Ready ready);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Digest> manifest_;
  Waiting waiting_;
  std::optional<Result<>> outcome_;
  std::atomic<bool> is_dropped_ = false;
};

}  // namespace kachery
