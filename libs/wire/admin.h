// Administration: users, nodes, invitations, zones, quotas, the audit log, usage. docs/protocol/admin.md.
// The administrator's token may do all of this; the admins of a zone what is marked so.
#pragma once

#include "wire/nodes.h"

namespace kachery::wire {

// POST /v1/admin/users/create, .../disable, .../enable; answer Done.
struct NamedUser {
  UserName user;
  static constexpr auto kFields = fields("user", &NamedUser::user);
};

// POST /v1/admin/users/list
struct ListUsers {
  static constexpr auto kFields = std::tuple<>();
};
struct User {
  UserName user;
  bool disabled;
  std::int64_t created_ms;
  std::uint64_t nodes;
  static constexpr auto kFields = fields("user", &User::user, "disabled", &User::disabled, "created_ms",
                                         &User::created_ms, "nodes", &User::nodes);
};
struct UserList {
  std::vector<User> users;
  static constexpr auto kFields = fields("users", &UserList::users);
};

// POST /v1/admin/nodes/list; answer NodeList. And .../nodes/revoke (RevokeNode), .../nodes/approve (Approve).
struct ListAllNodes {
  std::optional<UserName> user;
  static constexpr auto kFields = fields("user", &ListAllNodes::user);
};

// POST /v1/admin/invitations/create: a token that registers nodes of one user.
struct Invite {
  UserName user;  // Made if there is none yet.
  std::uint64_t uses;
  std::uint64_t hours;           // How long it can be used.
  std::optional<ZoneName> zone;  // Where the user gets these rights, besides what they have:
  std::optional<Rights> rights;
  static constexpr auto kFields = fields("user", &Invite::user, "uses", &Invite::uses, "hours",
                                         &Invite::hours, "zone", &Invite::zone, "rights", &Invite::rights);
};
struct Invitation {
  std::string token;  // Told once; the hub keeps its hash only.
  std::int64_t expires_ms;
  static constexpr auto kFields = fields("token", &Invitation::token, "expires_ms", &Invitation::expires_ms);
};
// POST /v1/admin/invitations/list
struct ListInvitations {
  static constexpr auto kFields = std::tuple<>();
};
struct InvitationEntry {
  std::string id;  // The first digits of the token's hash; for revoking it.
  UserName user;
  std::uint64_t uses_left;
  std::int64_t expires_ms;
  static constexpr auto kFields =
      fields("id", &InvitationEntry::id, "user", &InvitationEntry::user, "uses_left",
             &InvitationEntry::uses_left, "expires_ms", &InvitationEntry::expires_ms);
};
struct InvitationList {
  std::vector<InvitationEntry> invitations;
  static constexpr auto kFields = fields("invitations", &InvitationList::invitations);
};
// POST /v1/admin/invitations/revoke; answer Done.
struct RevokeInvitation {
  std::string id;
  static constexpr auto kFields = fields("id", &RevokeInvitation::id);
};

// POST /v1/admin/zones/create; answer Done.
struct CreateZone {
  ZoneName zone;
  UserName owner;  // Made if there is none yet; always an admin of the zone.
  static constexpr auto kFields = fields("zone", &CreateZone::zone, "owner", &CreateZone::owner);
};
// POST /v1/admin/zones/delete: with all that is in it; answer Done.
struct NamedZone {
  ZoneName zone;
  static constexpr auto kFields = fields("zone", &NamedZone::zone);
};
// POST /v1/admin/zones/list
struct ListZones {
  static constexpr auto kFields = std::tuple<>();
};
struct Zone {
  ZoneName zone;
  UserName owner;
  std::int64_t created_ms;
  Allowance bytes;
  Allowance objects;
  static constexpr auto kFields = fields("zone", &Zone::zone, "owner", &Zone::owner, "created_ms",
                                         &Zone::created_ms, "bytes", &Zone::bytes, "objects", &Zone::objects);
};
struct ZoneList {
  std::vector<Zone> zones;
  static constexpr auto kFields = fields("zones", &ZoneList::zones);
};

// POST /v1/zones/settings: the authorization settings as YAML (docs/formats/zone-settings.md); with `yaml`
// they are replaced first, if they are valid. For the admins of the zone, too.
struct ZoneSettings {
  ZoneName zone;
  std::optional<std::string> yaml;
  static constexpr auto kFields = fields("zone", &ZoneSettings::zone, "yaml", &ZoneSettings::yaml);
};

// POST /v1/admin/quotas/set: of a zone, or of one user in it; null: no limit. Answer Done.
struct SetQuota {
  ZoneName zone;
  std::optional<UserName> user;
  std::optional<std::uint64_t> bytes;
  std::optional<std::uint64_t> objects;
  static constexpr auto kFields = fields("zone", &SetQuota::zone, "user", &SetQuota::user, "bytes",
                                         &SetQuota::bytes, "objects", &SetQuota::objects);
};

// POST /v1/zones/usage; for the admins of the zone, too. Days are UTC, "2026-11-22".
struct AskUsage {
  ZoneName zone;
  std::string first_day;
  std::string last_day;
  static constexpr auto kFields =
      fields("zone", &AskUsage::zone, "first_day", &AskUsage::first_day, "last_day", &AskUsage::last_day);
};
struct UsageEntry {
  std::string day;
  std::optional<NodeId> node;  // Null: whoever asked unsigned.
  std::optional<UserName> user;
  std::uint64_t uploads;
  std::uint64_t upload_bytes;
  std::uint64_t downloads;
  std::uint64_t download_bytes;
  static constexpr auto kFields =
      fields("day", &UsageEntry::day, "node", &UsageEntry::node, "user", &UsageEntry::user, "uploads",
             &UsageEntry::uploads, "upload_bytes", &UsageEntry::upload_bytes, "downloads",
             &UsageEntry::downloads, "download_bytes", &UsageEntry::download_bytes);
};
struct Usage {
  std::vector<UsageEntry> entries;
  static constexpr auto kFields = fields("entries", &Usage::entries);
};

// POST /v1/admin/audit: answers with the lines of the audit log as they are (application/x-ndjson;
// docs/formats/audit.md), of one day.
struct AskAudit {
  std::string day;
  static constexpr auto kFields = fields("day", &AskAudit::day);
};

}  // namespace kachery::wire
