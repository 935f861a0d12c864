// Providers: who is connected, and serves what.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "hub/access/access.h"
#include "hub/rendezvous/limits.h"
#include "hub/rendezvous/provider.h"

namespace kachery::hub {

// Whose key a name belongs to; none: nobody's. Empty: no name belongs to a key.
using OwnerOf = std::function<std::optional<NodeId>(const ResourceId& id)>;

// Network thread only. The loop outlives it. A post has one provider at a time. A name that nobody serves by
// itself is served by the node that it belongs to.
class Providers {
 public:
  Providers(Loop& loop, OwnerOf owner_of, const RendezvousLimits& limits)
      : limits_(limits), owner_of_(std::move(owner_of)), changed_(loop) {}

  // From now on `newcomer` has the post. Code::exists if another one has it, which then is told: unless that
  // one is of the same key and does not answer a ping, which costs it the post and its connection.
  Task<Result<>> enter(Post post, std::shared_ptr<Provider> newcomer);
  // Its connection has ended. Nothing happens if another one has the post by now.
  void leave(const Post& post, const Provider& provider);
  // Somebody was refused who wanted this post: whoever has it is told, and the log.
  void refused(const Post& post, const std::string& why);

  // Null: nobody serves it.
  std::shared_ptr<Provider> find(const ResourceId& id) const;
  // Whether somebody serves it, or may be about to come back.
  bool expects(const ResourceId& id) const;
  // Waits until somebody else than `gone` serves it; null: nobody does within `wait`.
  Task<std::shared_ptr<Provider>> await(ResourceId id, std::shared_ptr<Provider> gone,
                                        std::chrono::milliseconds wait);

  // Cuts everybody who may not serve what they serve, as `may` says.
  void review(const std::function<Result<>(const Post& post, const Provider& provider)>& may);

  // Null: the node is not connected as such.
  std::shared_ptr<Provider> find(const NodeInZone& node) const;

  // That it did not do what it said. Others are asked first then, for an hour.
  void note_failure(const std::optional<NodeId>& node);
  bool has_failed_lately(const Provider& provider) const;

  std::size_t count() const { return connected_.size(); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Serving {
    std::shared_ptr<Provider> provider;
    bool is_challenged = false;  // Somebody waits for its answer to a ping.
    TimePoint noticed = {};      // When it was last told of somebody.
  };

  void take(const Post& post, std::shared_ptr<Provider> provider);
  // Those that serve a name: its own, and that of the node that it belongs to.
  std::vector<Post> posts_of(const ResourceId& id) const;

  RendezvousLimits limits_;
  OwnerOf owner_of_;
  Signal changed_;
  std::map<Post, Serving> connected_;
  std::map<Post, TimePoint> left_;  // Within the time in which they may come back.
  std::map<NodeId, TimePoint> failed_;
  TimePoint begun_ = std::chrono::steady_clock::now();
};

}  // namespace kachery::hub
