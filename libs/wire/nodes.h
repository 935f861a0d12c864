// Nodes: registration, who am I, the nodes of one user. docs/protocol/nodes.md.
#pragma once

#include "wire/codec.h"

namespace kachery::wire {

// POST /v1/nodes/register, signed by the key that is to be registered. With an invitation, or at a hub that
// is open, it is registered at once; else somebody has to approve it.
struct Register {
  std::string label;                      // What people call this machine.
  std::optional<UserName> user;           // Whose node it is to be; an invitation says it by itself.
  std::optional<std::string> invitation;  // The token.
  static constexpr auto kFields =
      fields("label", &Register::label, "user", &Register::user, "invitation", &Register::invitation);
};

struct Registration {
  NodeId node;
  bool registered;
  std::optional<UserName> user;
  // Where it waits for approval: the code that whoever approves names, the page that says how, and until
  // when.
  std::optional<std::string> code;
  std::optional<std::string> link;
  std::optional<std::int64_t> expires_ms;
  static constexpr auto kFields = fields("node", &Registration::node, "registered", &Registration::registered,
                                         "user", &Registration::user, "code", &Registration::code, "link",
                                         &Registration::link, "expires_ms", &Registration::expires_ms);
};

// POST /v1/nodes/await, signed likewise: answers with lines (application/x-ndjson), each a Registration, one
// at least every 15 s, the last one when the node is registered or the code has expired.
struct AwaitRegistration {
  std::string code;
  static constexpr auto kFields = fields("code", &AwaitRegistration::code);
};

// POST /v1/nodes/approve, by a registered node, for a node that is to be of the same user; or by the
// administrator, who names the user.
struct Approve {
  std::string code;
  std::optional<UserName> user;
  static constexpr auto kFields = fields("code", &Approve::code, "user", &Approve::user);
};

struct Rights {
  bool upload;
  bool download;
  bool admin;
  static constexpr auto kFields =
      fields("upload", &Rights::upload, "download", &Rights::download, "admin", &Rights::admin);
  bool operator==(const Rights&) const = default;
};

struct Allowance {
  std::uint64_t used;
  std::optional<std::uint64_t> max;  // Null: as much as there is.
  static constexpr auto kFields = fields("used", &Allowance::used, "max", &Allowance::max);
};

// POST /v1/nodes/whoami; also for nodes that are not registered.
struct AskWhoAmI {
  ZoneName zone;
  static constexpr auto kFields = fields("zone", &AskWhoAmI::zone);
};

struct WhoAmI {
  std::optional<NodeId> node;  // Null where the request was not signed.
  bool registered;
  bool revoked;
  std::optional<std::string> label;
  std::optional<UserName> user;
  ZoneName zone;
  Rights
      rights;  // In the zone; all false where there is no such zone, or it is not for this node to know of.
  Allowance bytes;  // Of the user, in the zone.
  Allowance objects;
  static constexpr auto kFields =
      fields("node", &WhoAmI::node, "registered", &WhoAmI::registered, "revoked", &WhoAmI::revoked, "label",
             &WhoAmI::label, "user", &WhoAmI::user, "zone", &WhoAmI::zone, "rights", &WhoAmI::rights, "bytes",
             &WhoAmI::bytes, "objects", &WhoAmI::objects);
};

struct Node {
  NodeId node;
  std::string label;
  UserName user;
  std::int64_t created_ms;
  std::optional<std::int64_t> revoked_ms;
  static constexpr auto kFields = fields("node", &Node::node, "label", &Node::label, "user", &Node::user,
                                         "created_ms", &Node::created_ms, "revoked_ms", &Node::revoked_ms);
};

// POST /v1/nodes/list: the nodes of the asking node's user.
struct ListNodes {
  static constexpr auto kFields = std::tuple<>();
};

struct NodeList {
  std::vector<Node> nodes;
  static constexpr auto kFields = fields("nodes", &NodeList::nodes);
};

// POST /v1/nodes/revoke: a node of the same user; its requests are refused from then on, for good.
struct RevokeNode {
  NodeId node;
  static constexpr auto kFields = fields("node", &RevokeNode::node);
};

}  // namespace kachery::wire
