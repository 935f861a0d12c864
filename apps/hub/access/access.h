// Access: who may do what. One function decides; everything that is served passes through it. Default: deny.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/names.h"
#include "core/node_id.h"
#include "core/roles.h"

namespace kachery::hub {

// What a route does. Each has its rule in access.cpp.
enum class Action {
  see_hub,            // What the hub says of itself, health. Anybody.
  register_node,      // Any key that signed.
  ask_who_i_am,       // Anybody, of themselves.
  manage_own_nodes,   // A registered node, for the nodes of its user.
  connect,            // A registered node, to be called by the hub.
  find,               // Whoever may download in the zone, anybody where that is public; members with
                      // requestFiles of a channel, for what is there.
  fetch,              // Likewise.
  upload,             // Whoever may upload in the zone, with public uploads any registered node; to a
                      // channel its members with provideFiles.
  list_own,           // A registered node with any right in the zone, or a member of a channel there: what
                      // its user stored.
  remove_own,         // Likewise.
  list_all,           // An admin of the zone.
  remove_all,         // Likewise.
  manage_zone,        // An admin of the zone: settings, usage.
  list_resources,     // Whoever may download in the zone.
  ask,                // Likewise, for a file that a resource is to upload.
  ask_channels,       // As find, for a file that nodes of channels are to upload.
  register_resource,  // A registered node that may upload in the zone.
  provide,            // Likewise, under a name that is its own.
  provide_as_node,   // A registered node: what it may provide, and where, is decided whenever it is asked for
                     // it.
  remove_resource,   // A registered node: its user's; an admin of the zone: any.
  create_channel,    // A registered node that may upload in the zone.
  see_channels,      // A registered node: those that it is a member of, or whose owner is its user.
  see_all_channels,  // An admin of the zone.
  manage_channel,    // A node of the channel's owner; an admin of the zone.
  join_channel,      // A registered node, for itself: by a code, or where it is a member.
  use_signed_url,    // Whoever has a URL that we signed; the URL is checked by whoever serves it.
  read_metrics,      // The metrics token.
  administrate,      // The administrator's token.
};

// Who asks.
struct Anonymous {};
struct Administrator {};  // Knows the administrator's token.
struct MetricsReader {};  // Knows the metrics token.
struct SigningKey {       // Signed the request; whether the key is known is a question to the facts.
  NodeId node;
};
using Actor = std::variant<Anonymous, SigningKey, Administrator, MetricsReader>;

struct NodeFacts {
  UserName user;
  std::string label;
  bool revoked;
  bool user_disabled;
};

struct UserRights {
  bool upload = false;
  bool download = false;
  bool admin = false;
  bool operator==(const UserRights&) const = default;
};

// gen2's authorization settings of a zone.
struct ZoneSettings {
  bool public_upload = false;
  bool public_download = true;
  std::map<UserName, UserRights> users = {};
  bool operator==(const ZoneSettings&) const = default;

  // gen2's YAML: allowPublicUpload, allowPublicDownload, authorizedUsers. docs/formats/zone-settings.md.
  // Code::invalid, naming the line, for anything that is not exactly such settings.
  static Result<ZoneSettings> parse_yaml(const std::string& text);
  std::string yaml() const;
};

// A resource has its name in a zone.
struct ResourceId {
  ZoneName zone;
  ResourceName name;
  auto operator<=>(const ResourceId&) const = default;

  // For messages.
  std::string str() const { return "the resource " + name.str() + " of the zone " + zone.str(); }
};

// All that a node may provide in a zone.
struct NodeInZone {
  ZoneName zone;
  NodeId node;
  auto operator<=>(const NodeInZone&) const = default;

  // For messages.
  std::string str() const { return "the node " + node.hex() + " in the zone " + zone.str(); }
};

struct ResourceFacts {
  NodeId node;  // Whose key the name belongs to.
  bool older;   // Whether a daemon of gen2, which proves no key, may serve it.
};

// A channel has its name in a zone.
struct ChannelId {
  ZoneName zone;
  ChannelName name;
  auto operator<=>(const ChannelId&) const = default;

  // For messages.
  std::string str() const { return "the channel " + name.str() + " of the zone " + zone.str(); }
};

struct MemberFacts {
  Roles granted;  // By whoever manages the channel.
  Roles wanted;   // By the node.
  Roles effective() const { return granted & wanted; }
  bool operator==(const MemberFacts&) const = default;
};

struct ChannelFacts {
  UserName owner;                              // Whose nodes are granted all roles.
  std::map<NodeId, MemberFacts> members = {};  // Also those of the owner's nodes that want something.
};

struct ZoneFacts {
  UserName owner;  // Always an admin, with all rights.
  ZoneSettings settings;
  std::map<ChannelName, ChannelFacts> channels = {};
};

// Everything that decisions are made of; a snapshot of the catalog.
struct Facts {
  std::map<NodeId, NodeFacts> nodes;
  std::map<ZoneName, ZoneFacts> zones;
  std::map<ResourceId, ResourceFacts> resources;
};

// That an action was allowed: only `authorize` makes it, and what acts asks for it.
class Permit {
 public:
  const Actor& actor() const { return actor_; }
  Action action() const { return action_; }
  // The node that signed, where one did.
  std::optional<NodeId> node() const;
  // Its user; none for those who are not registered, and for the administrator.
  const std::optional<UserName>& user() const { return user_; }
  // Of a registered node, for the node's own user: asserts.
  const UserName& own_user() const;

 private:
  friend Result<Permit> authorize(const Facts&, const Actor&, Action, const ZoneName*, const ChannelName*);
  Permit(const Actor& actor, Action action, std::optional<UserName> user)
      : actor_(actor), action_(action), user_(std::move(user)) {}

  Actor actor_;
  Action action_;
  std::optional<UserName> user_;
};

// The one decision. `zone` is null where the action is not about one, `channel` where none is named: then an
// action that reads may use all channels of the node. Code::denied, with what would help: register, ask an
// admin of the zone for the right. A zone that does not exist and one that the actor may do nothing in give
// the same answer; so do a channel that does not exist and one that the actor has nothing to do with.
Result<Permit> authorize(const Facts& facts, const Actor& actor, Action action, const ZoneName* zone,
                         const ChannelName* channel = nullptr);

// Who may, for people: "a registered node, with the right to upload in the zone". Blocked is a node that was
// revoked, or whose user is disabled.
std::string who_may(Action action);

// What a user may do in a zone; all false where there is no such zone.
UserRights rights_in(const Facts& facts, const Actor& actor, const ZoneName& zone);

// Null where there is none.
const ChannelFacts* find_channel(const Facts& facts, const ChannelId& id);
// What a node is granted and wants in a channel: nothing where it is no member, is not registered, was
// revoked, or its user is disabled.
MemberFacts member_in(const Facts& facts, const ChannelFacts& channel, const NodeId& node);
// Whether it is a member: it is granted something.
bool is_member(const Facts& facts, const ChannelFacts& channel, const NodeId& node);
// The one answer to all who have nothing to do with a channel, whether it is there or not.
Error no_such_channel(const ChannelId& id);

// Which files of a zone somebody may read: those with the grant of the zone itself, those with the grant of
// one of these channels, and no others.
struct Reader {
  bool zone = false;
  std::vector<ChannelName> channels = {};
};

// What the actor may read in the zone as things are now; with a channel, of that one only.
Reader reader_in(const Facts& facts, const Actor& actor, const ZoneName& zone,
                 const std::optional<ChannelName>& channel);

}  // namespace kachery::hub
