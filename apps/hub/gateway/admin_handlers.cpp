#include "hub/gateway/admin_handlers.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "crypto/hasher.h"
#include "hub/operations/day.h"
#include "os/random.h"
#include "wire/admin.h"
#include "wire/hub.h"

namespace kachery::hub {
namespace {

// An invitation that is passed around for longer, or to more, is a standing right and better given as one.
constexpr std::uint64_t kInvitationUsesMax = 1'000;
constexpr std::uint64_t kInvitationHoursMax = std::uint64_t{24} * 366;
constexpr std::int64_t kMsPerHour = 3'600'000;
constexpr std::string_view kInvitationPrefix = "kachery-invite-";
// With the prefix it is longer than any name, so that nobody gets one into the logs as that of a user or a
// zone.
constexpr std::size_t kInvitationBytes = 32;
// The digits of an invitation's hash that are its ID.
constexpr std::size_t kInvitationIdDigits = 12;
constexpr std::string_view kDefaultZone = "default";

// A change of who may do what counts before anybody is told of it.
Task<Result<wire::Done>> done(Call call) {
  KACHERY_CO_TRY(co_await call.services().facts.refresh());
  call.shared.node_registered.notify();
  co_return wire::Done{true};
}

// Runs `work`, which changes the catalog, on the pool.
template <class Work>
Task<Result<wire::Done>> change(Call call, Work work) {
  Result<> changed = co_await call.services().loop.offload(std::move(work));
  if (!changed) co_return std::unexpected(std::move(changed).error());
  co_return co_await done(call);
}

// The user, who is made if there is none yet.
Result<> have_user(Catalog& catalog, const UserName& user, std::int64_t now_ms) {
  auto created = catalog.people().create_user(user, now_ms);
  if (!created && created.error().code == Code::exists) return {};
  return created;
}

// --- Users

Task<Result<wire::Done>> create_user(Call call, wire::NamedUser message) {
  auto work = [call, user = std::move(message.user)] {
    return call.services().catalog.people().create_user(user, call.now_ms);
  };
  co_return co_await change(call, std::move(work));
}

Task<Result<wire::Done>> set_disabled(Call call, UserName user, bool disabled) {
  auto work = [call, user = std::move(user), disabled] {
    return call.services().catalog.people().set_user_disabled(user, disabled);
  };
  co_return co_await change(call, std::move(work));
}

Task<Result<wire::Done>> disable_user(Call call, wire::NamedUser message) {
  co_return co_await set_disabled(call, std::move(message.user), true);
}

Task<Result<wire::Done>> enable_user(Call call, wire::NamedUser message) {
  co_return co_await set_disabled(call, std::move(message.user), false);
}

Task<Result<wire::UserList>> list_users(Call call, wire::ListUsers) {
  auto work = [call] { return call.services().catalog.people().users(); };
  KACHERY_CO_TRY(users, co_await call.services().loop.offload(std::move(work)));
  wire::UserList list;
  for (UserRecord& user : users)
    list.users.push_back({std::move(user.user), user.disabled, user.created_ms, user.nodes});
  co_return list;
}

// --- Nodes

wire::Node wire_node(NodeRecord node) {
  return {node.node, std::move(node.label), std::move(node.user), node.created_ms, node.revoked_ms};
}

Task<Result<wire::NodeList>> list_nodes(Call call, wire::ListAllNodes message) {
  auto work = [call, user = std::move(message.user)] { return call.services().catalog.people().nodes(user); };
  KACHERY_CO_TRY(nodes, co_await call.services().loop.offload(std::move(work)));
  wire::NodeList list;
  for (NodeRecord& node : nodes) list.nodes.push_back(wire_node(std::move(node)));
  co_return list;
}

Task<Result<wire::Done>> revoke_node(Call call, wire::RevokeNode message) {
  auto work = [call, node = message.node] {
    return call.services().catalog.people().revoke_node(node, call.now_ms);
  };
  co_return co_await change(call, std::move(work));
}

// For the user that is named, else for the one that the node asks for.
Task<Result<wire::Node>> approve_node(Call call, wire::Approve message) {
  auto work = [call, message = std::move(message)]() -> Result<NodeRecord> {
    People& people = call.services().catalog.people();
    KACHERY_TRY(pending, people.pending(message.code, call.now_ms));
    const std::optional<UserName> user = message.user ? message.user : pending.user;
    if (!user)
      return fail(Code::invalid, "the node that waits under " + pending.code +
                                     " does not say whose it is to be; name the user");
    return people.approve(message.code, *user, call.now_ms);
  };
  KACHERY_CO_TRY(node, co_await call.services().loop.offload(std::move(work)));
  KACHERY_CO_TRY(co_await done(call));
  co_return wire_node(std::move(node));
}

// --- Invitations

Result<> check_invitation(const Facts& facts, const wire::Invite& message) {
  if (message.uses < 1 || message.uses > kInvitationUsesMax)
    return fail(Code::invalid, fmt::format("an invitation can be used 1 to {} times, not {}",
                                           kInvitationUsesMax, message.uses));
  if (message.hours < 1 || message.hours > kInvitationHoursMax)
    return fail(Code::invalid, fmt::format("an invitation can be used for 1 to {} hours, not {}",
                                           kInvitationHoursMax, message.hours));
  if (message.zone.has_value() != message.rights.has_value())
    return fail(Code::invalid, "an invitation names a zone and the rights there, or neither");
  if (message.zone && !facts.zones.contains(*message.zone))
    return fail(Code::not_found, "there is no zone " + message.zone->str());
  return {};
}

Task<Result<wire::Invitation>> invite(Call call, wire::Invite message) {
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  KACHERY_CO_TRY(check_invitation(*facts, message));
  wire::Invitation invitation{
      .token = fmt::format("{}{}", kInvitationPrefix, random_hex(kInvitationBytes)),
      .expires_ms = call.now_ms + static_cast<std::int64_t>(message.hours) * kMsPerHour};
  const wire::Rights rights = message.rights.value_or(wire::Rights{});
  InvitationRecord record{.token_hash = Hasher::of(Algorithm::sha256, as_bytes(invitation.token)),
                          .user = std::move(message.user),
                          .uses_left = message.uses,
                          .expires_ms = invitation.expires_ms,
                          .zone = std::move(message.zone),
                          .rights = {rights.upload, rights.download, rights.admin}};
  auto work = [call, record = std::move(record)]() -> Result<> {
    Catalog& catalog = call.services().catalog;
    KACHERY_TRY(have_user(catalog, record.user, call.now_ms));
    return catalog.people().add_invitation(record);
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return invitation;
}

Task<Result<wire::InvitationList>> list_invitations(Call call, wire::ListInvitations) {
  auto work = [call] { return call.services().catalog.people().invitations(call.now_ms); };
  KACHERY_CO_TRY(invitations, co_await call.services().loop.offload(std::move(work)));
  wire::InvitationList list;
  for (InvitationRecord& one : invitations)
    list.invitations.push_back({one.token_hash.hex().substr(0, kInvitationIdDigits), std::move(one.user),
                                one.uses_left, one.expires_ms});
  co_return list;
}

Task<Result<wire::Done>> revoke_invitation(Call call, wire::RevokeInvitation message) {
  auto work = [call, id = std::move(message.id)] {
    return call.services().catalog.people().revoke_invitation(id);
  };
  co_return co_await change(call, std::move(work));
}

// --- Zones

Task<Result<wire::Done>> create_zone(Call call, wire::CreateZone message) {
  auto work = [call, message = std::move(message)]() -> Result<> {
    Catalog& catalog = call.services().catalog;
    KACHERY_TRY(have_user(catalog, message.owner, call.now_ms));
    return catalog.zones().create_zone(message.zone, message.owner, call.now_ms);
  };
  co_return co_await change(call, std::move(work));
}

// The catalog comes first: from then on nobody finds what is in the zone. Its bytes are deleted even where
// the catalog does not know it any more, for a deletion that was cut off.
Task<Result<wire::Done>> delete_zone(Call call, wire::NamedZone message) {
  if (message.zone.str() == kDefaultZone)
    co_return fail(Code::invalid, "the zone default cannot be deleted; every hub has it");
  auto work = [call, zone = std::move(message.zone)]() -> Result<> {
    auto deleted = call.services().catalog.zones().delete_zone(zone);
    if (!deleted && deleted.error().code != Code::not_found) return deleted;
    KACHERY_TRY(call.services().bucket.remove_zone(zone));
    return deleted;
  };
  co_return co_await change(call, std::move(work));
}

Task<Result<wire::ZoneList>> list_zones(Call call, wire::ListZones) {
  auto work = [call] { return call.services().catalog.zones().zones(); };
  KACHERY_CO_TRY(zones, co_await call.services().loop.offload(std::move(work)));
  wire::ZoneList list;
  for (ZoneRecord& zone : zones)
    list.zones.push_back({std::move(zone.zone),
                          std::move(zone.owner),
                          zone.created_ms,
                          {zone.quota.bytes, zone.quota.max.bytes},
                          {zone.quota.objects, zone.quota.max.objects}});
  co_return list;
}

// The owner of a zone has all rights whatever its settings say (access.h), so nobody can lock themselves out.
Task<Result<wire::ZoneSettings>> zone_settings(Call call, wire::ZoneSettings message) {
  if (message.yaml) {
    KACHERY_CO_TRY(settings, ZoneSettings::parse_yaml(*message.yaml));
    auto work = [call, zone = message.zone, settings = std::move(settings)] {
      return call.services().catalog.zones().set_settings(zone, settings);
    };
    KACHERY_CO_TRY(co_await change(call, std::move(work)));
  }
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const auto found = facts->zones.find(message.zone);
  if (found == facts->zones.end()) co_return fail(Code::not_found, "there is no zone " + message.zone.str());
  co_return wire::ZoneSettings{std::move(message.zone), found->second.settings.yaml()};
}

Task<Result<wire::Done>> set_quota(Call call, wire::SetQuota message) {
  auto work = [call, message = std::move(message)] {
    return call.services().catalog.zones().set_quota(message.zone, message.user,
                                                     {message.bytes, message.objects});
  };
  co_return co_await change(call, std::move(work));
}

// --- What happened

Task<Result<wire::Usage>> usage(Call call, wire::AskUsage message) {
  KACHERY_CO_TRY(check_day(message.first_day));
  KACHERY_CO_TRY(check_day(message.last_day));
  // What was counted a moment ago is part of the answer.
  KACHERY_CO_TRY(co_await call.services().usage.flush());
  auto work = [call, message = std::move(message)] {
    return call.services().catalog.usage().usage(message.zone, message.first_day, message.last_day);
  };
  KACHERY_CO_TRY(records, co_await call.services().loop.offload(std::move(work)));
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  wire::Usage answer;
  for (UsageRecord& record : records) {
    std::optional<UserName> user;
    if (record.node) {
      const auto known = facts->nodes.find(*record.node);
      if (known != facts->nodes.end()) user = known->second.user;
    }
    answer.entries.push_back({std::move(record.day), record.node, std::move(user), record.uploads,
                              record.upload_bytes, record.downloads, record.download_bytes});
  }
  co_return answer;
}

Task<Result<Response>> audit(Call call, wire::AskAudit message) {
  // Where the disk takes nothing, what there is is still worth reading.
  Result<> flushed = co_await call.services().audit.flush();
  static_cast<void>(flushed);
  KACHERY_CO_TRY(lines, co_await call.services().audit.day(std::move(message.day)));
  co_return text_answer("application/x-ndjson", std::move(lines));
}

template <class Message, class Reply>
Route admin_route(std::string path, Handler<Message, Reply> handler) {
  return message_route("/v1/admin/" + std::move(path), Action::administrate, handler, Bearer::administrator);
}

}  // namespace

std::vector<Route> admin_routes() {
  std::vector<Route> routes;
  routes.push_back(admin_route("users/create", create_user));
  routes.push_back(admin_route("users/disable", disable_user));
  routes.push_back(admin_route("users/enable", enable_user));
  routes.push_back(admin_route("users/list", list_users));
  routes.push_back(admin_route("nodes/list", list_nodes));
  routes.push_back(admin_route("nodes/revoke", revoke_node));
  routes.push_back(admin_route("nodes/approve", approve_node));
  routes.push_back(admin_route("invitations/create", invite));
  routes.push_back(admin_route("invitations/list", list_invitations));
  routes.push_back(admin_route("invitations/revoke", revoke_invitation));
  routes.push_back(admin_route("zones/create", create_zone));
  routes.push_back(admin_route("zones/delete", delete_zone));
  routes.push_back(admin_route("zones/list", list_zones));
  routes.push_back(admin_route("quotas/set", set_quota));
  routes.push_back(admin_route("audit", audit));
  // The admins of a zone sign, the administrator has a token.
  routes.push_back(
      message_route("/v1/zones/settings", Action::manage_zone, zone_settings, Bearer::administrator));
  routes.push_back(message_route("/v1/zones/usage", Action::manage_zone, usage, Bearer::administrator));
  return routes;
}

}  // namespace kachery::hub
