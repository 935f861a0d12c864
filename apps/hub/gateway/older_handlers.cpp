#include "hub/gateway/older_handlers.h"

#include "core/text.h"
#include "hub/gateway/resource_handlers.h"
#include "hub/gateway/serving.h"
#include "hub/legacy/older_asking.h"
#include "hub/legacy/older_daemon.h"
#include "hub/operations/log.h"

namespace kachery::hub {
namespace {

// Where those are who name no zone.
constexpr const char* kOldestZone = "default";

Task<Result<Response>> probe(Call) {
  co_return text_answer("text/plain; charset=utf-8", "running.");
}

// --- Daemons

// Whoever knows the secret stands for the node that registered the name. `shared`, `visit` and `first` belong
// to the caller, who waits.
Task<Result<OlderPlace>> admit_daemon(Shared& shared, Visit& visit, const wire::legacy::Initialize& first) {
  KACHERY_CO_TRY(co_await shared.proxy_secret.check(visit.head().peer, first.proxy_secret));
  KACHERY_CO_TRY(zone, ZoneName::parse(first.zone.value_or(kOldestZone)));
  KACHERY_CO_TRY(name, ResourceName::parse(first.resource_name));
  const ResourceId id{zone, name};
  const std::shared_ptr<const Facts> facts = shared.services.facts.now();
  const auto registered = facts->resources.find(id);
  if (registered == facts->resources.end())
    co_return fail(Code::not_found,
                   "the resource " + name.str() + " is not registered in the zone " + zone.str());
  const NodeId node = registered->second.node;
  visit.actor = SigningKey{node};
  const Question question{
      .action = Action::provide, .zone = zone, .object = name.str() + " by the proxy's secret"};
  KACHERY_CO_TRY(co_await shared.admission.admit(visit, question));
  KACHERY_CO_TRY(may_serve(*facts, id, node, Proof::proxy_secret));
  co_return OlderPlace{.id = id, .node = node};
}

// The proxy's own address, where daemons connect.
Task<Result<Response>> serve_daemon(Shared& shared, Visit& visit) {
  if (visit.head().fields.find("upgrade") == nullptr)
    co_return fail(Code::not_found, "there is no page here: this is a hub, for kachery and its daemons");
  if (visit.head().fields.find("origin") != nullptr)
    co_return fail(Code::denied, "no page in a browser may connect: daemons do");
  const WebSocketLimits limits{.message_bytes_max = kOlderBodyBytesMax};
  KACHERY_CO_TRY(socket, co_await visit.request.upgrade("", limits));
  const auto daemon = std::make_shared<OlderDaemon>(shared.services.loop, shared.rendezvous);
  const AdmitOlder admit = [&shared, &visit](const wire::legacy::Initialize& first) {
    return admit_daemon(shared, visit, first);
  };
  const Error why = co_await daemon->run(std::move(socket), admit);
  if (!visit.audited) shared.admission.refused(visit, why);
  log(Severity::info, "older_daemon_ended",
      {{"request", visit.head().id}, {"peer", visit.head().peer}, {"why", printable(why.message)}});
  co_return Response{.status = kSwitchingProtocols};
}

// --- Clients

// Where the request is for, if such a name can be.
std::optional<ResourceId> resource_of(const wire::legacy::RequestFromClient& request) {
  Result<ZoneName> zone = ZoneName::parse(request.zone.value_or(kOldestZone));
  Result<ResourceName> name = ResourceName::parse(request.resource_name);
  if (!zone || !name) return std::nullopt;
  return ResourceId{*std::move(zone), *std::move(name)};
}

Response refuse(Shared& shared, Visit& visit, const Error& why, Response answer) {
  shared.admission.refused(visit, why);
  return answer;
}

Task<Result<Response>> serve_client(Shared& shared, Visit& visit) {
  const Result<std::string> body =
      co_await read_whole(shared, shared.large_messages, visit, kOlderBodyBytesMax);
  if (!body)
    co_return refuse(
        shared, visit, body.error(),
        older_refusal(visit.status.value_or(http_status(body.error().code)), body.error().message));
  auto request = parse_older_request(visit.head().path, *body);
  if (!request)
    co_return refuse(shared, visit, {Code::invalid, "it is no request of a client"},
                     std::move(request).error());
  const std::optional<ResourceId> resource = resource_of(*request);
  if (!resource)
    co_return refuse(shared, visit, {Code::not_found, "no such name can be"},
                     older_not_found(request->resource_name));

  const Question question{.action = Action::ask, .zone = resource->zone, .object = resource->name.str()};
  const Result<Permit> permit = co_await shared.admission.admit(visit, question);
  if (!permit)
    co_return older_refusal(visit.status.value_or(http_status(permit.error().code)), permit.error().message);
  if (!shared.services.facts.now()->resources.contains(*resource))
    co_return older_not_found(resource->name.str());
  const FindSize find = [&shared](ZoneName zone, Reader reader, Digest digest) {
    return find_size(shared.services, std::move(zone), std::move(reader), digest);
  };
  OlderAsk ask{
      .resource = *resource, .asker = asker_of(*permit, visit.head()), .request = *std::move(request)};
  co_return co_await answer_older_ask(shared.rendezvous, find, std::move(ask));
}

}  // namespace

std::vector<Route> older_routes() {
  std::vector<Route> routes;
  routes.push_back(plain_route("/probe", Action::see_hub, probe));
  routes.push_back({Method::get, "/", Action::see_hub, Bearer::none, serve_daemon});
  routes.push_back({Method::post, "/r/", Action::ask, Bearer::none, serve_client});
  routes.push_back({Method::post, "/api", Action::ask, Bearer::none, serve_client});
  return routes;
}

}  // namespace kachery::hub
