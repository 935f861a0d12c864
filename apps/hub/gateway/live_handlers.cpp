#include "hub/gateway/live_handlers.h"

#include "hub/gateway/live_connection.h"

namespace kachery::hub {
namespace {

constexpr const char* kSubprotocol = "kachery.1";
Task<Result<Response>> serve_live(Shared& shared, Visit& visit) {
  KACHERY_CO_TRY(co_await read_whole(shared, shared.large_messages, visit, 0));
  if (visit.head().fields.find("origin") != nullptr)
    co_return fail(Code::denied, "no page in a browser may connect: nodes do");
  const Question question{.action = Action::connect};
  KACHERY_CO_TRY(permit, co_await shared.admission.admit(visit, question));
  const std::optional<NodeId> node = permit.node();
  KACHERY_ASSERT(node.has_value());
  const WebSocketLimits limits;
  KACHERY_CO_TRY(socket, co_await visit.request.upgrade(kSubprotocol, limits));
  const auto connection = std::make_shared<LiveConnection>(shared, visit, *node);
  co_await connection->run(std::move(socket));
  co_return Response{.status = kSwitchingProtocols};
}

}  // namespace

std::vector<Route> live_routes() {
  std::vector<Route> routes;
  routes.push_back({Method::get, "/v1/live", Action::connect, Bearer::none, serve_live});
  return routes;
}

}  // namespace kachery::hub
