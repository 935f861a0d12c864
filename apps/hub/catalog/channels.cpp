#include "hub/catalog/channels.h"

#include "hub/catalog/file_rows.h"
#include "os/random.h"

namespace kachery::hub {
namespace {

// A laboratory has a few; so nobody fills the catalog, and facts stay small.
constexpr std::int64_t kChannelsMax = 200;  // Of a user in a zone.
constexpr std::int64_t kMembersMax = 1'000;
constexpr std::int64_t kInvitationsMax = 1'000;

constexpr std::size_t kInvitationNameBytes = 6;

struct ChannelRow {
  RowId id;
  RowId zone;
  RowId owner;
};

Result<std::optional<ChannelRow>> look_for(Work& work, const ChannelId& id) {
  KACHERY_TRY(row, work.query("SELECT c.id, c.zone, c.owner FROM channels c JOIN zones z ON z.id = c.zone"
                              " WHERE z.name = ?1 AND c.name = ?2",
                              id.zone, id.name));
  KACHERY_TRY(found, row.step());
  if (!found) return std::nullopt;
  return ChannelRow{row.number(0), row.number(1), row.number(2)};
}

Result<ChannelRow> find(Work& work, const ChannelId& id) {
  KACHERY_TRY(channel, look_for(work, id));
  if (!channel)
    return fail(Code::not_found, "there is no channel " + id.name.str() + " in the zone " + id.zone.str());
  return *channel;
}

Result<bool> is_owners(Work& work, const ChannelRow& channel, RowId node) {
  return work.test("SELECT 1 FROM nodes WHERE id = ?1 AND user = ?2", node, channel.owner);
}

// Whether the node is granted something, by whatever means.
Result<bool> is_granted(Work& work, const ChannelRow& channel, RowId node) {
  KACHERY_TRY(by_owner, is_owners(work, channel, node));
  if (by_owner) return true;
  return work.test(
      "SELECT EXISTS(SELECT 1 FROM members WHERE channel = ?1 AND node = ?2 AND granted <> 0)"
      " OR EXISTS(SELECT 1 FROM entered WHERE channel = ?1 AND node = ?2 AND roles <> 0)",
      channel.id, node);
}

// The row of a node, made where there is none.
Result<> make_member(Work& work, const ChannelRow& channel, RowId node) {
  KACHERY_TRY(known, work.test("SELECT 1 FROM members WHERE channel = ?1 AND node = ?2", channel.id, node));
  if (known) return {};
  KACHERY_TRY(count, work.number("SELECT count(*) FROM members WHERE channel = ?1", channel.id));
  if (count.value_or(0) >= kMembersMax)
    return fail(Code::exhausted, "a channel may have " + std::to_string(kMembersMax) +
                                     " members: revoke the roles of some that do not use it");
  return work.run("INSERT INTO members VALUES(?1, ?2, 0, 0)", channel.id, node);
}

// Rows that say nothing any more: of nodes that are granted nothing, are not the owner's, and from which no
// role was revoked that an invitation would give again.
Result<> drop_ungranted_members(Work& work, const ChannelRow& channel) {
  return work.run(
      "DELETE FROM members WHERE channel = ?1 AND granted = 0"
      " AND NOT EXISTS(SELECT 1 FROM entered e WHERE e.channel = ?1 AND e.node = members.node)"
      " AND NOT EXISTS(SELECT 1 FROM nodes n WHERE n.id = members.node AND n.user = ?2)",
      channel.id, channel.owner);
}

// Nobody can join by them, and nobody is a member by them.
Result<> forget_spent_invitations(Work& work, const ChannelRow& channel, std::int64_t now_ms) {
  KACHERY_TRY(work.run(
      "DELETE FROM channel_invitations WHERE channel = ?1 AND (uses_left = 0 OR expires_ms <= ?2)"
      " AND NOT EXISTS(SELECT 1 FROM entered e WHERE e.invitation = channel_invitations.id AND e.roles <> 0)",
      channel.id, now_ms));
  return drop_ungranted_members(work, channel);
}

Result<std::vector<ChannelInvitationRecord>> read_invitations(Work& work, const ChannelRow& channel) {
  KACHERY_TRY(row, work.query("SELECT name, roles, is_passcode, uses_left, expires_ms,"
                              " (SELECT count(*) FROM entered e WHERE e.invitation = i.id AND e.roles <> 0)"
                              " FROM channel_invitations i WHERE channel = ?1 ORDER BY id",
                              channel.id));
  std::vector<ChannelInvitationRecord> invitations;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return invitations;
    invitations.push_back({.name = row.text(0),
                           .roles = row.roles(1),
                           .is_passcode = row.flag(2),
                           .uses_left = row.is_null(3) ? std::nullopt : std::optional(row.count(3)),
                           .expires_ms = row.is_null(4) ? std::nullopt : std::optional(row.number(4)),
                           .members = row.count(5)});
  }
}

struct Invited {
  RowId invitation;
  Roles roles;
};

// By the code of an invitation that can be used; or that this node has used, for its answer may have got
// lost.
Result<std::optional<Invited>> find_invitation(Work& work, const ChannelRow& channel, RowId node,
                                               const Digest& code_hash, std::int64_t now_ms) {
  KACHERY_TRY(row,
              work.query("SELECT i.id, i.roles FROM channel_invitations i"
                         " WHERE i.channel = ?1 AND i.code_hash = ?2"
                         " AND (((i.uses_left IS NULL OR i.uses_left > 0)"
                         "  AND (i.expires_ms IS NULL OR i.expires_ms > ?4))"
                         " OR EXISTS(SELECT 1 FROM entered e WHERE e.invitation = i.id AND e.node = ?3))",
                         channel.id, code_hash, node, now_ms));
  KACHERY_TRY(found, row.step());
  if (!found) return std::nullopt;
  return Invited{row.number(0), row.roles(1)};
}

// Once: what was revoked since does not come back by entering again.
Result<> enter(Work& work, const ChannelRow& channel, RowId node, const Invited& invited) {
  KACHERY_TRY(make_member(work, channel, node));
  KACHERY_TRY(known, work.test("SELECT 1 FROM entered WHERE channel = ?1 AND node = ?2 AND invitation = ?3",
                               channel.id, node, invited.invitation));
  if (known) return {};
  KACHERY_TRY(work.run("INSERT INTO entered VALUES(?1, ?2, ?3, ?4)", channel.id, node, invited.invitation,
                       invited.roles));
  return work.run("UPDATE channel_invitations SET uses_left = uses_left - 1 WHERE id = ?1",
                  invited.invitation);
}

Result<> want(Work& work, const ChannelRow& channel, RowId node, Roles wanted) {
  return work.run("UPDATE members SET wanted = ?3 WHERE channel = ?1 AND node = ?2", channel.id, node,
                  wanted);
}

}  // namespace

Result<> Channels::create(const ChannelId& id, const NodeId& node, const std::string& description,
                          std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(zone, zone_id(work, id.zone));
  KACHERY_TRY(creator, node_id(work, node));
  KACHERY_TRY(known, look_for(work, id));
  if (known)
    return fail(Code::exists, "there is a channel " + id.name.str() + " in the zone " + id.zone.str() +
                                  " already: take another name");
  KACHERY_TRY(owner, work.number("SELECT user FROM nodes WHERE id = ?1", creator));
  KACHERY_TRY(count,
              work.number("SELECT count(*) FROM channels WHERE zone = ?1 AND owner = ?2", zone, owner));
  if (count.value_or(0) >= kChannelsMax)
    return fail(Code::exhausted, "a user may have " + std::to_string(kChannelsMax) +
                                     " channels in a zone: delete some that are not used");
  KACHERY_TRY(
      work.run("INSERT INTO channels(zone, name, owner, description, created_ms)"
               " VALUES(?1, ?2, ?3, ?4, ?5)",
               zone, id.name, owner, description, now_ms));
  KACHERY_TRY(channel, work.inserted());
  KACHERY_TRY(work.run("INSERT INTO members VALUES(?1, ?2, 0, ?3)", channel, creator, Roles::requesting()));
  return work.commit();
}

Result<> Channels::describe(const ChannelId& id, const std::string& description) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, find(work, id));
  KACHERY_TRY(work.run("UPDATE channels SET description = ?2 WHERE id = ?1", channel.id, description));
  return work.commit();
}

Result<> Channels::remove(const ChannelId& id) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, find(work, id));
  KACHERY_TRY(take_back_channel(work, channel.zone, id.name));
  KACHERY_TRY(work.run("DELETE FROM channels WHERE id = ?1", channel.id));
  return work.commit();
}

Result<std::vector<ChannelRecord>> Channels::list(const ZoneName& zone,
                                                  const std::optional<ChannelName>& name) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, work.query("SELECT z.name, c.name, u.name, c.description, c.created_ms FROM channels c"
                              " JOIN zones z ON z.id = c.zone JOIN users u ON u.id = c.owner"
                              " WHERE z.name = ?1 AND (?2 IS NULL OR c.name = ?2) ORDER BY c.name",
                              zone, name));
  std::vector<ChannelRecord> channels;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return channels;
    channels.push_back({.id = {row.zone(0), row.channel(1)},
                        .owner = row.user(2),
                        .description = row.text(3),
                        .created_ms = row.number(4)});
  }
}

Result<> Channels::grant(const ChannelId& id, const NodeId& node, Roles roles) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, find(work, id));
  KACHERY_TRY(member, node_id(work, node));
  KACHERY_ASSERT(!roles.empty());
  KACHERY_TRY(make_member(work, channel, member));
  KACHERY_TRY(work.run("UPDATE members SET granted = granted | ?3 WHERE channel = ?1 AND node = ?2",
                       channel.id, member, roles));
  return work.commit();
}

Result<> Channels::revoke(const ChannelId& id, const NodeId& node, Roles roles) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, find(work, id));
  KACHERY_TRY(member, node_id(work, node));
  KACHERY_TRY(by_owner, is_owners(work, channel, member));
  if (by_owner)
    return fail(Code::invalid,
                "the node " + node.hex() +
                    " is one of the channel's owner, whose nodes are granted all roles: what it does not"
                    " want there it gives up itself, with `kachery channel set-roles`");
  KACHERY_TRY(work.run("UPDATE members SET granted = granted & ~?3 WHERE channel = ?1 AND node = ?2",
                       channel.id, member, roles));
  KACHERY_TRY(work.run("UPDATE entered SET roles = roles & ~?3 WHERE channel = ?1 AND node = ?2", channel.id,
                       member, roles));
  KACHERY_TRY(drop_ungranted_members(work, channel));
  return work.commit();
}

Result<ChannelInvitationRecord> Channels::invite(const ChannelId& id, const ChannelInvitationChoices& choices,
                                                 std::int64_t now_ms) {
  KACHERY_ASSERT(!choices.roles.empty());
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, find(work, id));
  KACHERY_TRY(forget_spent_invitations(work, channel, now_ms));
  KACHERY_TRY(known, work.test("SELECT 1 FROM channel_invitations WHERE channel = ?1 AND code_hash = ?2",
                               channel.id, choices.code_hash));
  if (known)
    return fail(Code::exists,
                "the channel has an invitation with this passcode already: take it back first"
                " (kachery channel uninvite), or choose another one");
  KACHERY_TRY(count, work.number("SELECT count(*) FROM channel_invitations WHERE channel = ?1", channel.id));
  if (count.value_or(0) >= kInvitationsMax)
    return fail(Code::exhausted, "a channel may have " + std::to_string(kInvitationsMax) +
                                     " invitations: take some back (kachery channel uninvite)");
  ChannelInvitationRecord made{.name = random_hex(kInvitationNameBytes),
                               .roles = choices.roles,
                               .is_passcode = choices.is_passcode,
                               .uses_left = choices.uses,
                               .expires_ms = choices.expires_ms,
                               .members = 0};
  KACHERY_TRY(
      work.run("INSERT INTO channel_invitations(name, channel, code_hash, is_passcode, roles,"
               " uses_left, expires_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
               made.name, channel.id, choices.code_hash, made.is_passcode, made.roles, made.uses_left,
               made.expires_ms));
  KACHERY_TRY(work.commit());
  return made;
}

Result<std::vector<ChannelInvitationRecord>> Channels::invitations(const ChannelId& id, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, find(work, id));
  KACHERY_TRY(forget_spent_invitations(work, channel, now_ms));
  KACHERY_TRY(invitations, read_invitations(work, channel));
  KACHERY_TRY(work.commit());
  return invitations;
}

Result<> Channels::uninvite(const ChannelId& id, const std::string& name) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, find(work, id));
  KACHERY_TRY(work.run("DELETE FROM channel_invitations WHERE channel = ?1 AND name = ?2", channel.id, name));
  KACHERY_TRY(removed, work.changes());
  if (removed == 0)
    return fail(Code::not_found, "the channel " + id.name.str() +
                                     " has no such invitation; it may have been taken back, or be spent:"
                                     " kachery channel show " +
                                     id.name.str() + " lists them");
  KACHERY_TRY(drop_ungranted_members(work, channel));
  return work.commit();
}

Result<> Channels::join(const ChannelId& id, const NodeId& node, const Joining& joining,
                        std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, look_for(work, id));
  KACHERY_TRY(member, node_id(work, node));
  if (!channel) return std::unexpected(no_such_channel(id));
  if (joining.code_hash) {
    KACHERY_TRY(invited, find_invitation(work, *channel, member, *joining.code_hash, now_ms));
    if (!invited) return std::unexpected(no_such_channel(id));
    KACHERY_TRY(enter(work, *channel, member, *invited));
  }
  KACHERY_TRY(granted, is_granted(work, *channel, member));
  if (!granted) return std::unexpected(no_such_channel(id));
  KACHERY_TRY(make_member(work, *channel, member));
  KACHERY_TRY(wants, work.test("SELECT wanted <> 0 FROM members WHERE channel = ?1 AND node = ?2",
                               channel->id, member));
  if (joining.wanted || !wants)
    KACHERY_TRY(want(work, *channel, member, joining.wanted.value_or(Roles::requesting())));
  return work.commit();
}

Result<> Channels::set_wanted(const ChannelId& id, const NodeId& node, Roles wanted) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, look_for(work, id));
  KACHERY_TRY(member, node_id(work, node));
  if (!channel) return std::unexpected(no_such_channel(id));
  KACHERY_TRY(granted, is_granted(work, *channel, member));
  if (!granted) return std::unexpected(no_such_channel(id));
  KACHERY_TRY(make_member(work, *channel, member));
  KACHERY_TRY(want(work, *channel, member, wanted));
  return work.commit();
}

Result<> Channels::leave(const ChannelId& id, const NodeId& node) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(channel, look_for(work, id));
  KACHERY_TRY(member, node_id(work, node));
  if (!channel) return std::unexpected(no_such_channel(id));
  KACHERY_TRY(granted, is_granted(work, *channel, member));
  if (!granted) return std::unexpected(no_such_channel(id));
  KACHERY_TRY(work.run("UPDATE members SET granted = 0, wanted = 0 WHERE channel = ?1 AND node = ?2",
                       channel->id, member));
  // What was revoked stays revoked: whoever leaves and joins again does not get it back.
  KACHERY_TRY(
      work.run("DELETE FROM entered WHERE channel = ?1 AND node = ?2"
               " AND roles = (SELECT roles FROM channel_invitations i WHERE i.id = invitation)",
               channel->id, member));
  KACHERY_TRY(work.run("UPDATE entered SET roles = 0 WHERE channel = ?1 AND node = ?2", channel->id, member));
  KACHERY_TRY(
      work.run("DELETE FROM members WHERE channel = ?1 AND node = ?2"
               " AND NOT EXISTS(SELECT 1 FROM entered e WHERE e.channel = ?1 AND e.node = ?2)",
               channel->id, member));
  return work.commit();
}

}  // namespace kachery::hub
