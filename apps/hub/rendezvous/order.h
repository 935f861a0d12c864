// Order: a file that a resource was asked for, or the nodes of a channel. Everybody who asks for it there
// shares it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "hub/access/access.h"
#include "hub/rendezvous/arrivals.h"
#include "hub/rendezvous/limits.h"
#include "hub/rendezvous/search.h"
#include "net/channel.h"
#include "net/loop.h"
#include "wire/live.h"

namespace kachery::hub {

// Whom a file is asked for: a resource, or the nodes that provide files in a channel.
using Asked = std::variant<ResourceId, ChannelId>;
std::string str(const Asked& asked);

// Network thread only. Shared by Orders, by those who wait for it, and by the provider that works on it; the
// loop outlives it.
class Order {
 public:
  // `search`: for the nodes of a channel; null for a resource.
  Order(Loop& loop, Asked asked, wire::Upload upload, std::shared_ptr<Search> search,
        const RendezvousLimits& limits);

  const Asked& asked() const { return asked_; }
  const wire::Upload& upload() const { return upload_; }

  // --- For those who ask

  const wire::AskState& state() const { return state_; }
  bool has_ended() const { return has_ended_; }
  // Wakes when there is something to tell, and has_ended() or told() say what; also without a reason.
  Signal& changed() { return changed_; }
  std::uint64_t told() const { return told_; }
  // What has come of it so far; null: nothing that is known. changed() wakes for each chunk; the next time it
  // may be another upload.
  const ArrivingUpload* arriving() const { return arriving_ ? &*arriving_ : nullptr; }

  // --- For who provides; one after the other

  // How far it is. What cannot be believed, such as a state that does not exist, is left out.
  void progress(wire::AskState said);
  // Requested when the order ends, also because nobody wants it any more or it took too long, and when
  // another node is to do it. For one call at a time.
  CallStop& stop() { return *stop_; }
  bool is_wanted() const { return !stop_->is_requested(); }

 private:
  friend class Orders;
  friend class Arrivals;
  using TimePoint = std::chrono::steady_clock::time_point;

  void end(wire::AskState last);
  void tell();
  void begin_attempt(const std::optional<NodeId>& provider);
  // Another node is to do it.
  void give_up();
  bool has_others() const;
  // When it has failed for want of progress, as it stands now.
  TimePoint fails_at() const;

  Asked asked_;
  wire::Upload upload_;
  std::shared_ptr<Search> search_;  // Null for a resource, and at the end.
  RendezvousLimits limits_;
  wire::AskState state_;
  bool has_ended_ = false;
  std::uint64_t told_ = 1;
  Signal changed_;
  std::unique_ptr<CallStop> stop_ = std::make_unique<CallStop>();  // Of the attempt.
  std::optional<NodeId> provider_;                                 // Whose upload it is.
  std::optional<ArrivingUpload> arriving_;
  std::set<std::string> askers_;  // Who wants it, as Orders::ask was told.
  TimePoint begun_ = std::chrono::steady_clock::now();
  TimePoint advanced_ = begun_;  // When it last got further,
  TimePoint grown_ = begun_;     // and by bytes.
  TimePoint told_at_ = begun_;
};

}  // namespace kachery::hub
