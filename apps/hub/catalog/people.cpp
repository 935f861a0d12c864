#include "hub/catalog/people.h"

namespace kachery::hub {
namespace {

// Any key may ask; what nobody approves goes with Upkeep::expire_uploads.
constexpr std::int64_t kPendingMax = 200;

Result<RowId> find_or_make_user(Work& work, const UserName& user, std::int64_t now_ms) {
  KACHERY_TRY(
      work.run("INSERT INTO users(name, created_ms) VALUES(?1, ?2) ON CONFLICT DO NOTHING", user, now_ms));
  return user_id(work, user);
}

// False if it was registered for this user before.
Result<bool> register_node(Work& work, const NodeId& node, const UserName& user, const std::string& label,
                           std::int64_t now_ms) {
  KACHERY_TRY(known, work.query("SELECT u.name, n.revoked_ms FROM nodes n JOIN users u ON u.id = n.user"
                                " WHERE n.key = ?1",
                                node));
  KACHERY_TRY(found, known.step());
  if (found && !known.is_null(1))
    return fail(Code::denied, "cannot register the node " + node.hex() + ": it was revoked; use a new key");
  if (found && known.user(0) != user)
    return fail(Code::exists, "cannot register the node " + node.hex() + " for the user " + user.str() +
                                  ": it is registered for the user " + known.text(0));
  if (found) {
    KACHERY_TRY(work.run("UPDATE nodes SET label = ?2 WHERE key = ?1", node, label));
    return false;
  }
  KACHERY_TRY(owner, find_or_make_user(work, user, now_ms));
  KACHERY_TRY(work.run("DELETE FROM pending WHERE node = ?1", node));
  KACHERY_TRY(work.run("INSERT INTO nodes(key, user, label, created_ms) VALUES(?1, ?2, ?3, ?4)", node, owner,
                       label, now_ms));
  return true;
}

NodeRecord node_record(const Query& row) {
  return {row.node(0), row.user(1), row.text(2), row.number(3),
          row.is_null(4) ? std::nullopt : std::optional(row.number(4))};
}

std::string invitation_id(const Digest& token_hash) {
  return token_hash.hex().substr(0, 12);
}

// Adds to the rights that the user has; takes none away.
Result<> grant_rights(Work& work, RowId zone, const UserName& user, const UserRights& rights) {
  return work.run(
      "INSERT INTO rights VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"
      " upload = max(upload, ?3), download = max(download, ?4), admin = max(admin, ?5)",
      zone, user, rights.upload, rights.download, rights.admin);
}

Result<std::optional<PendingRecord>> first_pending(Query row) {
  KACHERY_TRY(found, row.step());
  if (!found) return std::nullopt;
  return PendingRecord{row.text(0), row.node(1), row.text(2),
                       row.is_null(3) ? std::nullopt : std::optional(row.user(3)), row.number(4)};
}

Result<std::optional<PendingRecord>> find_pending(Work& work, const std::string& code, std::int64_t now_ms) {
  KACHERY_TRY(row, work.query("SELECT code, node, label, user, expires_ms FROM pending"
                              " WHERE code = ?1 AND expires_ms > ?2",
                              code, now_ms));
  return first_pending(std::move(row));
}

Result<std::optional<PendingRecord>> find_pending(Work& work, const NodeId& node, std::int64_t now_ms) {
  KACHERY_TRY(row, work.query("SELECT code, node, label, user, expires_ms FROM pending"
                              " WHERE node = ?1 AND expires_ms > ?2",
                              node, now_ms));
  return first_pending(std::move(row));
}

std::unexpected<Error> fail_no_pending() {
  return fail(Code::not_found,
              "no node waits under this code; it may have been approved already, or the code has expired: "
              "`kachery init` makes a new one");
}

}  // namespace

Result<> People::create_user(const UserName& user, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(known, work.number("SELECT id FROM users WHERE name = ?1", user));
  if (known) return fail(Code::exists, "there is a user " + user.str() + " already");
  KACHERY_TRY(work.run("INSERT INTO users(name, created_ms) VALUES(?1, ?2)", user, now_ms));
  return work.commit();
}

Result<> People::set_user_disabled(const UserName& user, bool disabled) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, user_id(work, user));
  KACHERY_TRY(work.run("UPDATE users SET disabled = ?2 WHERE id = ?1", id, disabled));
  return work.commit();
}

Result<std::vector<UserRecord>> People::users() {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, work.query("SELECT name, disabled, created_ms,"
                              " (SELECT count(*) FROM nodes n WHERE n.user = u.id AND n.revoked_ms IS NULL)"
                              " FROM users u ORDER BY name"));
  std::vector<UserRecord> users;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return users;
    users.push_back({row.user(0), row.flag(1), row.number(2), row.count(3)});
  }
}

Result<> People::add_node(const NodeId& node, const UserName& user, const std::string& label,
                          std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(register_node(work, node, user, label, now_ms));
  return work.commit();
}

Result<std::vector<NodeRecord>> People::nodes(const std::optional<UserName>& user) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, work.query("SELECT n.key, u.name, n.label, n.created_ms, n.revoked_ms FROM nodes n"
                              " JOIN users u ON u.id = n.user WHERE ?1 IS NULL OR u.name = ?1 ORDER BY n.id",
                              user));
  std::vector<NodeRecord> nodes;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return nodes;
    nodes.push_back(node_record(row));
  }
}

Result<> People::revoke_node(const NodeId& node, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, node_id(work, node));
  KACHERY_TRY(work.run("UPDATE nodes SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL", id, now_ms));
  return work.commit();
}

Result<> People::add_invitation(const InvitationRecord& invitation) {
  KACHERY_ASSERT(invitation.token_hash.algorithm() == Algorithm::sha256);
  KACHERY_TRY(work, Work::take(connection_));
  std::optional<RowId> zone;
  if (invitation.zone) {
    KACHERY_TRY(id, zone_id(work, *invitation.zone));
    zone = id;
  }
  const UserRights& rights = invitation.rights;
  KACHERY_TRY(work.run("INSERT INTO invitations VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                       invitation.token_hash, invitation_id(invitation.token_hash), invitation.user,
                       invitation.uses_left, invitation.expires_ms, zone, rights.upload, rights.download,
                       rights.admin));
  return work.commit();
}

Result<std::vector<InvitationRecord>> People::invitations(std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(work.run("DELETE FROM invitations WHERE expires_ms <= ?1 OR uses_left = 0", now_ms));
  std::vector<InvitationRecord> invitations;
  {
    KACHERY_TRY(row, work.query("SELECT i.token_hash, i.user, i.uses_left, i.expires_ms, z.name, i.upload,"
                                " i.download, i.admin FROM invitations i LEFT JOIN zones z ON z.id = i.zone"
                                " ORDER BY i.expires_ms, i.id"));
    for (;;) {
      KACHERY_TRY(found, row.step());
      if (!found) break;
      invitations.push_back({row.digest(0),
                             row.user(1),
                             row.count(2),
                             row.number(3),
                             row.is_null(4) ? std::nullopt : std::optional(row.zone(4)),
                             {row.flag(5), row.flag(6), row.flag(7)}});
    }
  }
  KACHERY_TRY(work.commit());
  return invitations;
}

Result<> People::revoke_invitation(const std::string& id) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(work.run("DELETE FROM invitations WHERE id = ?1", id));
  KACHERY_TRY(removed, work.changes());
  if (removed == 0)
    return fail(Code::not_found, "there is no such invitation; it may be used up, or have expired");
  return work.commit();
}

Result<UserName> People::redeem(const Digest& token_hash, const NodeId& node, const std::string& label,
                                std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  std::optional<UserName> user;
  RowId zone = 0;
  UserRights rights;
  {
    KACHERY_TRY(row, work.query("SELECT user, coalesce(zone, 0), upload, download, admin FROM invitations"
                                " WHERE token_hash = ?1 AND uses_left > 0 AND expires_ms > ?2",
                                token_hash, now_ms));
    KACHERY_TRY(found, row.step());
    if (!found)
      return fail(
          Code::denied,
          "there is no such invitation; it may be used up, revoked, or have expired: ask for a new one");
    user = row.user(0);
    zone = row.number(1);
    rights = {row.flag(2), row.flag(3), row.flag(4)};
  }
  KACHERY_TRY(is_new, register_node(work, node, *user, label, now_ms));
  // A node whose answer got lost asks again.
  if (is_new)
    KACHERY_TRY(
        work.run("UPDATE invitations SET uses_left = uses_left - 1 WHERE token_hash = ?1", token_hash));
  if (zone != 0) KACHERY_TRY(grant_rights(work, zone, *user, rights));
  KACHERY_TRY(work.commit());
  return *user;
}

Result<PendingRecord> People::add_pending(const PendingRecord& pending, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(known, find_pending(work, pending.node, now_ms));
  if (known && known->label == pending.label && known->user == pending.user) return *std::move(known);
  KACHERY_TRY(waiting, work.number("SELECT count(*) FROM pending WHERE node <> ?1", pending.node));
  if (waiting.value_or(0) >= kPendingMax)
    return fail(Code::unavailable,
                "too many nodes wait for their approval; try again later, or ask for an invitation");
  KACHERY_TRY(
      work.run("INSERT INTO pending(code, node, label, user, expires_ms) VALUES(?1, ?2, ?3, ?4, ?5)"
               " ON CONFLICT(node) DO UPDATE SET code = ?1, label = ?3, user = ?4, expires_ms = ?5",
               pending.code, pending.node, pending.label, pending.user, pending.expires_ms));
  KACHERY_TRY(work.commit());
  return pending;
}

Result<PendingRecord> People::pending(const std::string& code, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(pending, find_pending(work, code, now_ms));
  if (!pending) return fail_no_pending();
  return *std::move(pending);
}

Result<NodeRecord> People::approve(const std::string& code, const UserName& user, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(pending, find_pending(work, code, now_ms));
  if (!pending) return fail_no_pending();
  KACHERY_TRY(register_node(work, pending->node, user, pending->label, now_ms));
  KACHERY_TRY(work.run("DELETE FROM pending WHERE code = ?1", code));
  KACHERY_TRY(work.commit());
  return NodeRecord{pending->node, user, pending->label, now_ms, std::nullopt};
}

}  // namespace kachery::hub
