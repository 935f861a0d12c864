#include "hub/gateway/channel_handlers.h"

#include <algorithm>

#include "core/text.h"
#include "os/random.h"
#include "wire/channels.h"
#include "wire/hub.h"

namespace kachery::hub {
namespace {

constexpr std::size_t kCodeBytes = 16;
constexpr std::int64_t kCodeMs = 7 * 86'400'000LL;
constexpr std::uint64_t kUsesMax = 1'000'000;

template <class Message>
ChannelId id_of(const Message& message) {
  return {message.zone, message.name};
}

NodeId signer(const Call& call) {
  const std::optional<NodeId> node = call.permit.node();
  KACHERY_ASSERT(node.has_value());
  return *node;
}

// Runs a change of the catalog on the pool; nobody is told of it before it counts.
template <class Work>
auto change(Call call, Work work) -> Task<decltype(work())> {
  auto result = co_await call.services().loop.offload(std::move(work));
  if (!result) co_return result;
  KACHERY_CO_TRY(co_await call.services().facts.refresh());
  co_return result;
}

// --- How the asking node sees channels

wire::Channel wire_channel(const Call& call, const Facts& facts, const ChannelRecord& record) {
  const ChannelFacts* known = find_channel(facts, record.id);
  const std::optional<NodeId> node = call.permit.node();
  const MemberFacts own = known != nullptr && node ? member_in(facts, *known, *node) : MemberFacts{};
  const bool manages =
      authorize(facts, call.permit.actor(), Action::manage_channel, &record.id.zone, &record.id.name)
          .has_value();
  return {.name = record.id.name,
          .owner = record.owner,
          .description = record.description,
          .created_ms = record.created_ms,
          .manages = manages,
          .granted = own.granted,
          .wanted = own.wanted,
          .effective = own.effective()};
}

Task<Result<std::vector<ChannelRecord>>> read(Call call, ZoneName zone, std::optional<ChannelName> name) {
  auto work = [&call, &zone, &name] { return call.services().catalog.channels().list(zone, name); };
  co_return co_await call.services().loop.offload(std::move(work));
}

// How it is now for the node that has changed something about itself.
Task<Result<wire::Channel>> own_view(Call call, ChannelId id) {
  KACHERY_CO_TRY(records, co_await read(call, id.zone, id.name));
  if (records.empty()) co_return std::unexpected(no_such_channel(id));
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  co_return wire_channel(call, *facts, records.front());
}

Task<Result<wire::ChannelList>> list(Call call, wire::ListChannels message) {
  KACHERY_CO_TRY(records, co_await read(call, message.zone, message.name));
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const std::optional<NodeId> node = call.permit.node();
  wire::ChannelList answer;
  for (const ChannelRecord& record : records) {
    const ChannelFacts* known = find_channel(*facts, record.id);
    const bool sees = message.all || (known != nullptr && node && is_member(*facts, *known, *node));
    if (sees) answer.channels.push_back(wire_channel(call, *facts, record));
  }
  co_return answer;
}

// --- Managing them

Result<> check_description(const std::string& text) {
  if (text.size() <= wire::kChannelDescriptionBytes && printable(text) == text) return {};
  return fail(Code::invalid, "the description cannot be used: it may have " +
                                 std::to_string(wire::kChannelDescriptionBytes) +
                                 " bytes, on one line, without control characters");
}

Result<> check_roles(Roles roles) {
  if (!roles.empty()) return {};
  return fail(Code::invalid, "no role is named: name at least one of " + Roles::all().str());
}

Task<Result<wire::Channel>> create(Call call, wire::CreateChannel message) {
  KACHERY_CO_TRY(check_description(message.description));
  auto work = [&call, &message] {
    return call.services().catalog.channels().create(id_of(message), signer(call), message.description,
                                                     call.now_ms);
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return co_await own_view(call, id_of(message));
}

Task<Result<wire::Done>> describe(Call call, wire::DescribeChannel message) {
  KACHERY_CO_TRY(check_description(message.description));
  auto work = [&call, &message] {
    return call.services().catalog.channels().describe(id_of(message), message.description);
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return wire::Done{true};
}

Task<Result<wire::Done>> remove(Call call, wire::NamedChannel message) {
  auto work = [&call, &message] { return call.services().catalog.channels().remove(id_of(message)); };
  const Result<> removed = co_await change(call, std::move(work));
  call.shared.found.clear();
  if (!removed) co_return std::unexpected(removed.error());
  call.shared.garbage_made.notify();
  co_return wire::Done{true};
}

wire::ChannelMember wire_member(const Facts& facts, const ChannelFacts& channel, const NodeId& node) {
  const NodeFacts& known = facts.nodes.at(node);
  const MemberFacts member = member_in(facts, channel, node);
  return {.node = node,
          .user = known.user,
          .label = known.label,
          .granted = member.granted,
          .wanted = member.wanted,
          .effective = member.effective()};
}

std::unexpected<Error> fail_no_channel(const ChannelId& id) {
  return fail(Code::not_found, "there is no channel " + id.name.str() + " in the zone " + id.zone.str());
}

Task<Result<wire::ChannelMembers>> members(Call call, wire::NamedChannel message) {
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const ChannelFacts* channel = find_channel(*facts, id_of(message));
  if (channel == nullptr) co_return fail_no_channel(id_of(message));
  wire::ChannelMembers answer;
  for (const auto& [node, unused] : channel->members)
    if (is_member(*facts, *channel, node)) answer.members.push_back(wire_member(*facts, *channel, node));
  std::ranges::sort(answer.members, {},
                    [](const wire::ChannelMember& one) { return std::tie(one.user, one.node); });
  co_return answer;
}

// How it is now for a node whose roles were changed.
Result<wire::ChannelMember> member_now(const Call& call, const wire::ChangeGrant& message) {
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const ChannelFacts* channel = find_channel(*facts, id_of(message));
  if (channel == nullptr) return fail_no_channel(id_of(message));
  return wire_member(*facts, *channel, message.node);
}

Task<Result<wire::ChannelMember>> grant(Call call, wire::ChangeGrant message) {
  KACHERY_CO_TRY(check_roles(message.roles));
  auto work = [&call, &message] {
    return call.services().catalog.channels().grant(id_of(message), message.node, message.roles);
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return member_now(call, message);
}

Task<Result<wire::ChannelMember>> revoke(Call call, wire::ChangeGrant message) {
  KACHERY_CO_TRY(check_roles(message.roles));
  auto work = [&call, &message] {
    return call.services().catalog.channels().revoke(id_of(message), message.node, message.roles);
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return member_now(call, message);
}

// --- Invitations

wire::ChannelInvitation wire_invitation(const ChannelInvitationRecord& record) {
  return {.id = record.name,
          .roles = record.roles,
          .is_passcode = record.is_passcode,
          .uses_left = record.uses_left,
          .expires_ms = record.expires_ms,
          .members = record.members};
}

bool is_passcode(std::string_view text) {
  return text.size() >= wire::kPasscodeSizeMin && text.size() <= wire::kPasscodeSizeMax &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

Result<> check_invitation(const wire::InviteToChannel& message, std::int64_t now_ms) {
  KACHERY_TRY(check_roles(message.roles));
  // What was wrong with it would tell of it.
  if (message.passcode && !is_passcode(*message.passcode))
    return fail(Code::invalid, "the passcode cannot be used: it is to have " +
                                   std::to_string(wire::kPasscodeSizeMin) + " to " +
                                   std::to_string(wire::kPasscodeSizeMax) +
                                   " letters, digits and signs of ASCII, and no blanks");
  if (message.uses && (*message.uses == 0 || *message.uses > kUsesMax))
    return fail(Code::invalid, "an invitation can be used by 1 to " + std::to_string(kUsesMax) +
                                   " nodes, not by " + std::to_string(*message.uses));
  if (message.expires_ms && *message.expires_ms <= now_ms)
    return fail(Code::invalid, "the invitation would have expired already: give a time that is to come");
  return {};
}

Digest code_hash(const std::string& code) {
  return Hasher::of(Algorithm::sha256, as_bytes(code));
}

Task<Result<wire::NewChannelInvitation>> invite(Call call, wire::InviteToChannel message) {
  KACHERY_CO_TRY(check_invitation(message, call.now_ms));
  std::optional<std::string> made;
  if (!message.passcode) {
    made = random_hex(kCodeBytes);
    if (!message.uses) message.uses = 1;
    if (!message.expires_ms) message.expires_ms = call.now_ms + kCodeMs;
  }
  const ChannelInvitationChoices choices{.code_hash = code_hash(made ? *made : *message.passcode),
                                         .is_passcode = message.passcode.has_value(),
                                         .roles = message.roles,
                                         .uses = message.uses,
                                         .expires_ms = message.expires_ms};
  auto work = [&call, &message, &choices] {
    return call.services().catalog.channels().invite(id_of(message), choices, call.now_ms);
  };
  KACHERY_CO_TRY(invitation, co_await call.services().loop.offload(std::move(work)));
  co_return wire::NewChannelInvitation{.code = std::move(made), .invitation = wire_invitation(invitation)};
}

Task<Result<wire::ChannelInvitations>> invitations(Call call, wire::NamedChannel message) {
  auto work = [&call, &message] {
    return call.services().catalog.channels().invitations(id_of(message), call.now_ms);
  };
  KACHERY_CO_TRY(records, co_await call.services().loop.offload(std::move(work)));
  wire::ChannelInvitations answer;
  std::ranges::transform(records, std::back_inserter(answer.invitations), wire_invitation);
  co_return answer;
}

Task<Result<wire::Done>> uninvite(Call call, wire::UninviteFromChannel message) {
  auto work = [&call, &message] {
    return call.services().catalog.channels().uninvite(id_of(message), message.id);
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return wire::Done{true};
}

// --- What a node does for itself

Task<Result<wire::Channel>> join(Call call, wire::JoinChannel message) {
  Joining joining{.code_hash = {}, .wanted = message.wanted};
  if (message.code) joining.code_hash = code_hash(*message.code);
  auto work = [&call, &message, &joining] {
    return call.services().catalog.channels().join(id_of(message), signer(call), joining, call.now_ms);
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return co_await own_view(call, id_of(message));
}

Task<Result<wire::Channel>> set_roles(Call call, wire::SetRoles message) {
  auto work = [&call, &message] {
    return call.services().catalog.channels().set_wanted(id_of(message), signer(call), message.wanted);
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return co_await own_view(call, id_of(message));
}

Task<Result<wire::Done>> leave(Call call, wire::NamedChannel message) {
  auto work = [&call, &message] {
    return call.services().catalog.channels().leave(id_of(message), signer(call));
  };
  KACHERY_CO_TRY(co_await change(call, std::move(work)));
  co_return wire::Done{true};
}

}  // namespace

std::vector<Route> channel_routes() {
  constexpr Action kManage = Action::manage_channel;
  std::vector<Route> routes;
  routes.push_back(message_route("/v1/channels/create", Action::create_channel, create));
  routes.push_back(message_route("/v1/channels/list", Action::see_channels, list, Bearer::administrator));
  routes.push_back(message_route("/v1/channels/describe", kManage, describe));
  routes.push_back(message_route("/v1/channels/delete", kManage, remove));
  routes.push_back(message_route("/v1/channels/members", kManage, members));
  routes.push_back(message_route("/v1/channels/grant", kManage, grant));
  routes.push_back(message_route("/v1/channels/revoke", kManage, revoke));
  routes.push_back(message_route("/v1/channels/invite", kManage, invite));
  routes.push_back(message_route("/v1/channels/invitations", kManage, invitations));
  routes.push_back(message_route("/v1/channels/uninvite", kManage, uninvite));
  routes.push_back(message_route("/v1/channels/join", Action::join_channel, join));
  routes.push_back(message_route("/v1/channels/set-roles", Action::join_channel, set_roles));
  routes.push_back(message_route("/v1/channels/leave", Action::join_channel, leave));
  return routes;
}

}  // namespace kachery::hub
