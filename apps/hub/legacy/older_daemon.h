// OlderDaemon: a resource's daemon of gen2, connected as to its proxy. gen2 section 5;
// libs/wire/legacy/proxy.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "hub/rendezvous/rendezvous.h"
#include "net/websocket.h"
#include "wire/legacy/proxy.h"

namespace kachery::hub {

// Which name a daemon serves, and whose key that is; none: nobody's.
struct OlderPlace {
  ResourceId id;
  std::optional<NodeId> node = {};
};

// Decides about what a daemon says first: Code::denied and so on; the daemon is told nothing but that it is
// over.
using AdmitOlder = std::function<Task<Result<OlderPlace>>(const wire::legacy::Initialize& first)>;

// Network thread only. Shared by the request that was upgraded, by Providers and by orders; loop and
// rendezvous outlive run().
class OlderDaemon final : public Provider, public std::enable_shared_from_this<OlderDaemon> {
 public:
  OlderDaemon(Loop& loop, Rendezvous& rendezvous);

  // Until the connection has ended; gives why. Once. `admit` belongs to the caller, who waits.
  Task<Error> run(std::unique_ptr<WebSocket> socket, const AdmitOlder& admit);

  // What it calls its zone; none: it is too old to say.
  const std::optional<std::string>& zone() const { return zone_; }

  std::optional<NodeId> node() const override { return node_; }
  Proof proof() const override { return Proof::proxy_secret; }
  // It knows no channels.
  Task<Result<std::optional<ByteCount>>> have(wire::Have message, std::chrono::milliseconds wait) override;
  // It tells nothing while it works, and cannot be stopped.
  Task<Result<wire::AskState>> upload(std::shared_ptr<Order> order) override;
  Task<bool> ping(std::chrono::milliseconds wait) override;
  // It knows no notices.
  void notice(std::string message) override;
  void cut(const Error& why) override;

 private:
  // A request that it has not answered yet.
  struct Asked {
    std::shared_ptr<Order> order;  // Null: a ping.
    std::optional<wire::legacy::ResponseToClient> response = {};
  };

  static Task<> expect_first(std::shared_ptr<OlderDaemon> self);
  static Task<> close(std::shared_ptr<OlderDaemon> self, std::string reason);
  Task<Error> receive_all(const AdmitOlder& admit);
  Task<Result<>> begin(const AdmitOlder& admit);
  Result<> take(const std::string& text);
  Task<Result<>> send(std::string text);
  Task<Result<std::string>> request(const std::string& uri, std::shared_ptr<Order> order);
  Task<Result<wire::legacy::ResponseToClient>> response_to(std::string id, Order& order);

  Loop& loop_;
  Rendezvous& rendezvous_;
  std::unique_ptr<WebSocket> socket_;  // Null before and after run().
  std::optional<ResourceId> served_;   // Once it was acknowledged.
  std::optional<NodeId> node_;
  wire::Omissible<std::string> zone_;
  std::map<std::string, Asked> asked_;  // By the request's ID.
  Turns uploads_;
  Turns sending_;
  Signal answered_;
};

}  // namespace kachery::hub
