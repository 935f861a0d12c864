// People: users, their nodes, and the invitations by which nodes join.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/database.h"
#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// Blocking and thread-safe. What a call that changes something has returned is durable.
class People {
 public:
  explicit People(Connection& connection) : connection_(connection) {}

  Result<> create_user(const UserName& user, std::int64_t now_ms);
  Result<> set_user_disabled(const UserName& user, bool disabled);
  Result<std::vector<UserRecord>> users();

  // Registers a node that is not known yet, and makes its user if need be. Code::exists if it is known, with
  // another user; Code::denied if it was revoked.
  Result<> add_node(const NodeId& node, const UserName& user, const std::string& label, std::int64_t now_ms);
  Result<std::vector<NodeRecord>> nodes(const std::optional<UserName>& user);
  Result<> revoke_node(const NodeId& node, std::int64_t now_ms);

  Result<> add_invitation(const InvitationRecord& invitation);
  Result<std::vector<InvitationRecord>> invitations(std::int64_t now_ms);
  Result<> revoke_invitation(const std::string& id);
  // Uses it up by one and registers the node, in one transaction. Code::denied if there is none that can be
  // used.
  Result<UserName> redeem(const Digest& token_hash, const NodeId& node, const std::string& label,
                          std::int64_t now_ms);

  // A node that waits until somebody approves it. One a node: who asks again for the same waits on under the
  // code that there is; something else takes its place. What waits now.
  Result<PendingRecord> add_pending(const PendingRecord& pending, std::int64_t now_ms);
  // Code::not_found, also for one that has expired.
  Result<PendingRecord> pending(const std::string& code, std::int64_t now_ms);
  // Registers it, in one transaction; the code cannot be used again.
  Result<NodeRecord> approve(const std::string& code, const UserName& user, std::int64_t now_ms);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
