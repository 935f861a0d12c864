// Providers: who is connected, and serves which name.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "hub/access/access.h"
#include "hub/rendezvous/limits.h"
#include "hub/rendezvous/provider.h"

namespace kachery::hub {

// Network thread only. The loop outlives it. A name has one provider at a time.
class Providers {
 public:
  Providers(Loop& loop, const RendezvousLimits& limits) : limits_(limits), changed_(loop) {}

  // From now on `newcomer` serves the name. Code::exists if another one does, which then is told: unless that
  // one is of the same key and does not answer a ping, which costs it the name and its connection.
  Task<Result<>> enter(ResourceId id, std::shared_ptr<Provider> newcomer);
  // Its connection has ended. Nothing happens if another one serves the name by now.
  void leave(const ResourceId& id, const Provider& provider);
  // Somebody was refused who wanted to serve this name: whoever serves it is told, and the log.
  void refused(const ResourceId& id, const std::string& why);

  // Null: nobody serves it.
  std::shared_ptr<Provider> find(const ResourceId& id) const;
  // Whether somebody serves it, or may be about to come back.
  bool expects(const ResourceId& id) const;
  // Waits until somebody else than `gone` serves it; null: nobody does within `wait`.
  Task<std::shared_ptr<Provider>> await(ResourceId id, std::shared_ptr<Provider> gone,
                                        std::chrono::milliseconds wait);

  // Cuts everybody who may not serve what they serve, as `may` says.
  void review(const std::function<Result<>(const ResourceId& id, const Provider& provider)>& may);

  std::size_t count() const { return connected_.size(); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Serving {
    std::shared_ptr<Provider> provider;
    bool is_challenged = false;  // Somebody waits for its answer to a ping.
    TimePoint noticed = {};      // When it was last told of somebody.
  };

  void take(const ResourceId& id, std::shared_ptr<Provider> provider);

  RendezvousLimits limits_;
  Signal changed_;
  std::map<ResourceId, Serving> connected_;
  std::map<ResourceId, TimePoint> left_;  // Within the time in which they may come back.
  TimePoint begun_ = std::chrono::steady_clock::now();
};

}  // namespace kachery::hub
