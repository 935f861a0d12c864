// Channels: groups of nodes in a zone, and the roles that each has there. docs/protocol/channels.md.
#pragma once

#include "wire/codec.h"

namespace kachery::wire {

// POST /v1/channels/create: the channel is the signing node's user's from then on, and the node a member that
// wants the requesting roles. Answered by Channel. Code::exists if the zone has one of that name.
struct CreateChannel {
  ZoneName zone;
  ChannelName name;
  std::string description;  // For people; up to kChannelDescriptionBytes, on one line.
  static constexpr auto kFields = fields("zone", &CreateChannel::zone, "name", &CreateChannel::name,
                                         "description", &CreateChannel::description);
};
constexpr std::size_t kChannelDescriptionBytes = 1'000;

// POST /v1/channels/describe: by whoever manages it, its owner or an admin of the zone. Answered by Done.
struct DescribeChannel {
  ZoneName zone;
  ChannelName name;
  std::string description;
  static constexpr auto kFields = fields("zone", &DescribeChannel::zone, "name", &DescribeChannel::name,
                                         "description", &DescribeChannel::description);
};

// POST /v1/channels/delete, answered by Done; .../members, by ChannelMembers; .../invitations, by
// ChannelInvitations: all three by whoever manages it. .../leave: by a member, answered by Done.
struct NamedChannel {
  ZoneName zone;
  ChannelName name;
  static constexpr auto kFields = fields("zone", &NamedChannel::zone, "name", &NamedChannel::name);
};

// A channel as the asking node sees it.
struct Channel {
  ChannelName name;
  UserName owner;
  std::string description;
  std::int64_t created_ms;
  bool manages;     // Whether the asker may change it.
  Roles granted;    // The asking node's own roles; all, where it is one of the owner's.
  Roles wanted;     // Those that it wants.
  Roles effective;  // Those that hold: granted and wanted.
  static constexpr auto kFields =
      fields("name", &Channel::name, "owner", &Channel::owner, "description", &Channel::description,
             "created_ms", &Channel::created_ms, "manages", &Channel::manages, "granted", &Channel::granted,
             "wanted", &Channel::wanted, "effective", &Channel::effective);
};

// POST /v1/channels/list: those that the node is a member of, or whose owner is its user; `all`, which takes
// an admin: all of the zone. With a name that one only, if it is among them.
struct ListChannels {
  ZoneName zone;
  std::optional<ChannelName> name;
  bool all;
  static constexpr auto kFields =
      fields("zone", &ListChannels::zone, "name", &ListChannels::name, "all", &ListChannels::all);
};

struct ChannelList {
  std::vector<Channel> channels;  // By name.
  static constexpr auto kFields = fields("channels", &ChannelList::channels);
};

struct ChannelMember {
  NodeId node;
  UserName user;
  std::string label;
  Roles granted;
  Roles wanted;
  Roles effective;
  static constexpr auto kFields = fields("node", &ChannelMember::node, "user", &ChannelMember::user, "label",
                                         &ChannelMember::label, "granted", &ChannelMember::granted, "wanted",
                                         &ChannelMember::wanted, "effective", &ChannelMember::effective);
};

struct ChannelMembers {
  std::vector<ChannelMember> members;  // By user and node.
  static constexpr auto kFields = fields("members", &ChannelMembers::members);
};

// POST /v1/channels/grant: adds to what the node is granted. POST /v1/channels/revoke: takes it away,
// whatever granted it; a node with nothing left is no member any more. By whoever manages the channel;
// answered by ChannelMember, as it is now.
struct ChangeGrant {
  ZoneName zone;
  ChannelName name;
  NodeId node;
  Roles roles;
  static constexpr auto kFields = fields("zone", &ChangeGrant::zone, "name", &ChangeGrant::name, "node",
                                         &ChangeGrant::node, "roles", &ChangeGrant::roles);
};

// POST /v1/channels/invite: a code that makes whoever brings it a member. By whoever manages the channel;
// answered by NewChannelInvitation.
struct InviteToChannel {
  ZoneName zone;
  ChannelName name;
  Roles roles;                             // That it grants.
  std::optional<std::string> passcode;     // What the code is to be; null: a random one.
  std::optional<std::uint64_t> uses;       // By so many nodes; null: by one, with a passcode by any number.
  std::optional<std::int64_t> expires_ms;  // Null: in a week, with a passcode never.
  static constexpr auto kFields =
      fields("zone", &InviteToChannel::zone, "name", &InviteToChannel::name, "roles", &InviteToChannel::roles,
             "passcode", &InviteToChannel::passcode, "uses", &InviteToChannel::uses, "expires_ms",
             &InviteToChannel::expires_ms);
};
constexpr std::size_t kPasscodeSizeMin = 6;  // Of printable ASCII, without blanks.
constexpr std::size_t kPasscodeSizeMax = 40;

struct ChannelInvitation {
  std::string id;  // For taking it back.
  Roles roles;
  bool is_passcode;
  std::optional<std::uint64_t> uses_left;  // Null: any number.
  std::optional<std::int64_t> expires_ms;  // Null: never.
  std::uint64_t members;                   // How many are members by it, among other reasons.
  static constexpr auto kFields =
      fields("id", &ChannelInvitation::id, "roles", &ChannelInvitation::roles, "is_passcode",
             &ChannelInvitation::is_passcode, "uses_left", &ChannelInvitation::uses_left, "expires_ms",
             &ChannelInvitation::expires_ms, "members", &ChannelInvitation::members);
};

struct NewChannelInvitation {
  std::optional<std::string> code;  // Told once; the hub keeps its hash only. Null: the passcode is it.
  ChannelInvitation invitation;
  static constexpr auto kFields =
      fields("code", &NewChannelInvitation::code, "invitation", &NewChannelInvitation::invitation);
};

struct ChannelInvitations {
  std::vector<ChannelInvitation> invitations;  // The oldest first.
  static constexpr auto kFields = fields("invitations", &ChannelInvitations::invitations);
};

// POST /v1/channels/uninvite: nobody joins by it any more, and what it granted is taken away, unless there is
// another reason for it. Answered by Done.
struct UninviteFromChannel {
  ZoneName zone;
  ChannelName name;
  std::string id;
  static constexpr auto kFields = fields("zone", &UninviteFromChannel::zone, "name",
                                         &UninviteFromChannel::name, "id", &UninviteFromChannel::id);
};

// POST /v1/channels/join: without a code for a node that was granted something, or is the owner's. Answered
// by Channel. Code::denied, with one message for a channel that is not there, one that the node has nothing
// to do with, and a wrong code.
struct JoinChannel {
  ZoneName zone;
  ChannelName name;
  std::optional<std::string> code;
  std::optional<Roles> wanted;  // Null: what it wanted before; of a new member the requesting roles.
  static constexpr auto kFields = fields("zone", &JoinChannel::zone, "name", &JoinChannel::name, "code",
                                         &JoinChannel::code, "wanted", &JoinChannel::wanted);
};

// POST /v1/channels/set-roles: what the signing node wants from now on. Answered by Channel.
struct SetRoles {
  ZoneName zone;
  ChannelName name;
  Roles wanted;
  static constexpr auto kFields =
      fields("zone", &SetRoles::zone, "name", &SetRoles::name, "wanted", &SetRoles::wanted);
};

}  // namespace kachery::wire
