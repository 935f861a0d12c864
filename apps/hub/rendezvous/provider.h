// Provider: a daemon that is connected and serves a name, however it speaks.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "core/node_id.h"
#include "hub/access/access.h"
#include "net/loop.h"
#include "wire/live.h"

namespace kachery::hub {

class Order;

// By what a daemon has shown whose it is.
enum class Proof { key, proxy_secret };

// What a daemon serves: one name, or all that its key may provide.
using Post = std::variant<ResourceId, NodeInZone>;

// Network thread only. Shared by its connection, by Providers, and by the orders that it works on.
class Provider {
 public:
  virtual ~Provider() = default;

  // Whose key the name belongs to; none: nobody's (`kachery proxy`).
  virtual std::optional<NodeId> node() const = 0;
  virtual Proof proof() const = 0;

  // How large a file is that it has, and provides in one of the message's channels; none: there is none. A
  // failure, also if it says nothing within `wait`: nobody knows.
  virtual Task<Result<std::optional<ByteCount>>> have(wire::Have message, std::chrono::milliseconds wait) = 0;

  // Has it upload the order's file, and tells the order how far it is; ends soon after the order wants it no
  // more. Gives what it said last. A failure: it can be reached no more, and whether it did anything is not
  // known.
  virtual Task<Result<wire::AskState>> upload(std::shared_ptr<Order> order) = 0;

  virtual Task<bool> ping(std::chrono::milliseconds wait) = 0;
  // Something that whoever keeps the daemon should know. Does not wait.
  virtual void notice(std::string message) = 0;
  // Ends the connection, soon, and says why.
  virtual void cut(const Error& why) = 0;
};

}  // namespace kachery::hub
