// LiveConnection: a node that is connected over /v1/live, and what it provides. docs/protocol/live.md.
#pragma once

#include <memory>

#include "hub/gateway/shared.h"
#include "net/channel.h"
#include "wire/live.h"

namespace kachery::hub {

// Network thread only. Shared by the request that was upgraded, by Providers and by orders; the request's
// visit and `shared` outlive run().
class LiveConnection final : public Provider, public std::enable_shared_from_this<LiveConnection> {
 public:
  LiveConnection(Shared& shared, Visit& visit, NodeId node);

  // Until the connection has ended, and nothing of it is going on. Once.
  Task<> run(std::unique_ptr<WebSocket> socket);

  std::optional<NodeId> node() const override { return node_; }
  Proof proof() const override { return Proof::key; }
  Task<Result<std::optional<ByteCount>>> have(wire::Have message, std::chrono::milliseconds wait) override;
  Task<Result<wire::AskState>> upload(std::shared_ptr<Order> order) override;
  Task<bool> ping(std::chrono::milliseconds wait) override;
  void notice(std::string message) override;
  void cut(const Error& why) override;

 private:
  static Task<Result<std::string>> answer(std::weak_ptr<LiveConnection> weak,
                                          std::shared_ptr<IncomingCall> call);
  static Task<> send_notice(std::shared_ptr<LiveConnection> self, std::string message);
  static Task<> expect_serve(std::shared_ptr<LiveConnection> self);
  Task<Result<wire::Serving>> serve(wire::Serve message);

  Shared& shared_;
  Visit& visit_;
  const NodeId node_;
  std::unique_ptr<Channel> channel_;  // Null before and after run().
  bool has_called_serve_ = false;
  bool is_serving_ = false;  // The answer to `serve` is being made.
  std::optional<Post> served_;
  Turns uploads_;
  Turns questions_;
  Signal has_served_;  // The answer to `serve` has been made.
};

}  // namespace kachery::hub
