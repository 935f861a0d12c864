// Channels: groups of nodes in a zone, the roles that each is granted and wants, and how nodes join.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// What an invitation is to be.
struct ChannelInvitationChoices {
  Digest code_hash;  // SHA-256 of what is to be brought.
  bool is_passcode;
  Roles roles;
  std::optional<std::uint64_t> uses;       // None: any number.
  std::optional<std::int64_t> expires_ms;  // None: never.
};

// How a node joins.
struct Joining {
  std::optional<Digest>
      code_hash;                // SHA-256 of the code that it brings; none: it is a member by other means.
  std::optional<Roles> wanted;  // None: what it wanted before, else the requesting roles.
};

// Blocking and thread-safe. What a call that changes something has returned is durable. A call about a
// channel that is not there gives Code::not_found, but for join() and what a member does for itself: they
// give no_such_channel(). Who may call what is decided before, but for join(), where the code decides.
class Channels {
 public:
  explicit Channels(Connection& connection) : connection_(connection) {}

  // The channel is the node's user's, and the node wants the requesting roles. Code::exists if there is one
  // of that name; Code::exhausted if the user has kChannelsMax in the zone.
  Result<> create(const ChannelId& id, const NodeId& node, const std::string& description,
                  std::int64_t now_ms);
  Result<> describe(const ChannelId& id, const std::string& description);
  // Its grants are taken back: files that have no other are gone.
  Result<> remove(const ChannelId& id);
  // Of a zone, by name; with a name that one only, if it is there.
  Result<std::vector<ChannelRecord>> list(const ZoneName& zone, const std::optional<ChannelName>& name);

  // Adds to what the node is granted by hand, and makes it a member. Code::not_found if there is no such
  // node; Code::exhausted above kMembersMax.
  Result<> grant(const ChannelId& id, const NodeId& node, Roles roles);
  // Takes roles away, whatever granted them; a node with nothing left is no member any more. The invitations
  // by which it came do not give them again.
  Result<> revoke(const ChannelId& id, const NodeId& node, Roles roles);

  // Code::exists if the channel has an invitation with this code; Code::exhausted above kInvitationsMax.
  Result<ChannelInvitationRecord> invite(const ChannelId& id, const ChannelInvitationChoices& choices,
                                         std::int64_t now_ms);
  // The oldest first.
  Result<std::vector<ChannelInvitationRecord>> invitations(const ChannelId& id, std::int64_t now_ms);
  // What it granted is taken away with it, unless there is another reason for it.
  Result<> uninvite(const ChannelId& id, const std::string& name);

  // By a code, which counts once for each node; without one where the node is a member already, or its user
  // owns the channel. no_such_channel() otherwise, whatever is wrong.
  Result<> join(const ChannelId& id, const NodeId& node, const Joining& joining, std::int64_t now_ms);
  Result<> set_wanted(const ChannelId& id, const NodeId& node, Roles wanted);
  // What it was granted is gone.
  Result<> leave(const ChannelId& id, const NodeId& node);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
