#include "hub/gateway/resource_handlers.h"

#include "net/url.h"
#include "wire/hub.h"
#include "wire/resources.h"

namespace kachery::hub {
namespace {

constexpr std::size_t kUrlBytesMax = 1'000;

wire::Resource wire_resource(const ResourceRecord& record, const Providers& providers) {
  return {.name = record.id.name,
          .node = record.node,
          .user = record.user,
          .proxy_url = record.proxy_url,
          .older = record.older,
          .connected = providers.find(record.id) != nullptr,
          .created_ms = record.created_ms};
}

// As it will be shown to others.
Result<std::optional<std::string>> checked_url(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  if (text->size() > kUrlBytesMax)
    return fail(Code::invalid,
                "the proxy URL is too long: it may have " + std::to_string(kUrlBytesMax) + " bytes");
  KACHERY_TRY(url, Url::parse(*text));
  return url.pinned();
}

Task<Result<wire::Resource>> register_resource(Call call, wire::RegisterResource message) {
  const std::optional<NodeId> node = call.permit.node();
  KACHERY_ASSERT(node.has_value());
  KACHERY_CO_TRY(proxy_url, checked_url(message.proxy_url));
  const ResourceId id{message.zone, message.name};
  const ResourceChoices choices{std::move(proxy_url), message.older};
  auto work = [&call, &id, &node, &choices] {
    return call.services().catalog.resources().register_resource(id, *node, choices, call.now_ms);
  };
  KACHERY_CO_TRY(registered, co_await call.services().loop.offload(std::move(work)));
  KACHERY_CO_TRY(co_await call.services().facts.refresh());
  co_return wire_resource(registered, call.shared.rendezvous.providers);
}

Task<Result<wire::ResourceList>> list_resources(Call call, wire::ListResources message) {
  auto work = [&call, &message] {
    return call.services().catalog.resources().list(message.zone, message.name);
  };
  KACHERY_CO_TRY(records, co_await call.services().loop.offload(std::move(work)));
  wire::ResourceList list;
  for (const ResourceRecord& record : records)
    list.resources.push_back(wire_resource(record, call.shared.rendezvous.providers));
  co_return list;
}

Task<Result<wire::Done>> remove_resource(Call call, wire::RemoveResource message) {
  const ResourceId id{message.zone, message.name};
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const auto known = facts->resources.find(id);
  if (known == facts->resources.end())
    co_return fail(Code::not_found,
                   "there is no resource " + id.name.str() + " in the zone " + id.zone.str());
  const UserName& owner = facts->nodes.at(known->second.node).user;
  if (owner != call.permit.own_user() && !rights_in(*facts, call.permit.actor(), id.zone).admin)
    co_return fail(Code::denied, "the resource " + id.name.str() + " is one of " + owner.str() +
                                     "'s: they can remove it, or an admin of the zone " + id.zone.str());
  auto work = [&call, &id] { return call.services().catalog.resources().remove(id); };
  KACHERY_CO_TRY(co_await call.services().loop.offload(std::move(work)));
  KACHERY_CO_TRY(co_await call.services().facts.refresh());
  co_return wire::Done{true};
}

}  // namespace

std::vector<Route> resource_routes() {
  std::vector<Route> routes;
  routes.push_back(message_route("/v1/resources/register", Action::register_resource, register_resource));
  routes.push_back(
      message_route("/v1/resources/list", Action::list_resources, list_resources, Bearer::administrator));
  routes.push_back(message_route("/v1/resources/remove", Action::remove_resource, remove_resource));
  return routes;
}

}  // namespace kachery::hub
