// What a connection of the daemon works with, whatever it speaks. Inside daemon only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/names.h"
#include "net/loop.h"
#include "net/url.h"
#include "provide/file_provider.h"

namespace kachery::daemon {

// Lines for whoever keeps the daemon. Network thread only.
struct Output {
  std::function<void(const std::string& line)> print;  // What happens.
  std::function<void(const std::string& line)> warn;   // What somebody should look at.
};

// What is provided.
struct Offer {
  ZoneName zone;
  // None: all that the node's key may provide in the zone, which is every resource that is registered for it,
  // and the channels in which it has the role. A resource by itself is provided in no channel.
  std::optional<ResourceName> resource = {};
};

// Whether the daemon is to end. Network thread only.
class Stopping {
 public:
  explicit Stopping(Loop& loop) : signal_(loop) {}

  bool is_requested() const { return is_requested_; }
  void request() {
    is_requested_ = true;
    if (on_request_) on_request_();
    signal_.notify();
  }
  // Until it is requested, for `time` at most.
  Task<> sleep(std::chrono::milliseconds time) {
    if (!is_requested_) co_await signal_.wait(time);
  }

  // Called when it is requested, while the connection lives that set it.
  void set(std::function<void()> on_request) { on_request_ = std::move(on_request); }

 private:
  bool is_requested_ = false;
  Signal signal_;
  std::function<void()> on_request_;
};

// All of it outlives the connection.
struct Link {
  Loop& loop;
  const Offer& offer;
  const Url& url;
  FileProvider& provider;
  const Output& output;
  Stopping& stopping;
  const std::function<void()>& on_served;  // The other end has acknowledged it.
};

// How a connection was.
struct LinkEnd {
  Error why;
  bool has_served = false;
};

}  // namespace kachery::daemon
