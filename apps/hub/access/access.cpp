#include "hub/access/access.h"

#include <algorithm>
#include <array>

namespace kachery::hub {
namespace {

// Who may do it at all.
enum class Who {
  everybody,      // Even whoever was revoked.
  anybody,        // But for whoever signed with a node that was revoked, or whose user is disabled.
  key,            // Whoever signed.
  node,           // Whoever signed with a registered node.
  metrics,        // The metrics token.
  administrator,  // The administrator's token.
};

// Which right in the zone it takes.
enum class Right { none, any, download, upload, admin };

struct Rule {
  Action action;
  Who who;
  Right right;  // Right::none: it is not about a zone.
  std::string_view what;
};

// Everything that anybody may ever do.
constexpr std::array kRules{
    Rule{Action::see_hub, Who::everybody, Right::none, "ask what this hub is"},
    Rule{Action::register_node, Who::key, Right::none, "register a node"},
    Rule{Action::ask_who_i_am, Who::everybody, Right::none, "ask who they are"},
    Rule{Action::manage_own_nodes, Who::node, Right::none, "manage the nodes of a user"},
    Rule{Action::connect, Who::node, Right::none, "connect to be called by the hub"},
    Rule{Action::find, Who::anybody, Right::download, "look for files"},
    Rule{Action::fetch, Who::anybody, Right::download, "get files"},
    Rule{Action::upload, Who::node, Right::upload, "upload files"},
    Rule{Action::list_own, Who::node, Right::any, "list a user's files"},
    Rule{Action::remove_own, Who::node, Right::any, "remove a user's files"},
    Rule{Action::list_all, Who::anybody, Right::admin, "list the files of all"},
    Rule{Action::remove_all, Who::anybody, Right::admin, "remove the files of all"},
    Rule{Action::manage_zone, Who::anybody, Right::admin, "manage the zone"},
    Rule{Action::list_resources, Who::anybody, Right::download, "list resources"},
    Rule{Action::ask, Who::anybody, Right::download, "ask resources for files"},
    Rule{Action::register_resource, Who::node, Right::upload, "register a resource"},
    Rule{Action::provide, Who::node, Right::upload, "provide files"},
    Rule{Action::remove_resource, Who::node, Right::any, "remove a resource"},
    Rule{Action::use_signed_url, Who::anybody, Right::none, "use a signed URL"},
    Rule{Action::read_metrics, Who::metrics, Right::none, "read the metrics"},
    Rule{Action::administrate, Who::administrator, Right::none, "administrate this hub"},
};

const Rule& rule_of(Action action) {
  const auto* rule = std::ranges::find(kRules, action, &Rule::action);
  KACHERY_ASSERT(rule != kRules.end());
  return *rule;
}

// An actor as the facts know them.
struct Asker {
  const Actor& actor;
  const SigningKey* key;
  const NodeFacts* node;  // Of a key that is registered.

  bool is_administrator() const { return std::holds_alternative<Administrator>(actor); }
  bool is_blocked() const { return node != nullptr && (node->revoked || node->user_disabled); }
};

Asker asker_of(const Facts& facts, const Actor& actor) {
  const auto* key = std::get_if<SigningKey>(&actor);
  if (key == nullptr) return {actor, nullptr, nullptr};
  const auto node = facts.nodes.find(key->node);
  return {actor, key, node == facts.nodes.end() ? nullptr : &node->second};
}

UserRights rights_of(const Asker& asker, const ZoneFacts& zone) {
  if (asker.is_blocked()) return {};
  // The administrator is no user, who could own what is uploaded.
  if (asker.is_administrator()) return {.upload = false, .download = true, .admin = true};
  const ZoneSettings& settings = zone.settings;
  UserRights rights{.upload = false, .download = settings.public_download, .admin = false};
  if (asker.node == nullptr) return rights;
  if (asker.node->user == zone.owner) return {.upload = true, .download = true, .admin = true};
  rights.upload = settings.public_upload;
  const auto granted = settings.users.find(asker.node->user);
  if (granted == settings.users.end()) return rights;
  rights.upload |= granted->second.upload;
  rights.download |= granted->second.download;
  rights.admin |= granted->second.admin;
  return rights;
}

bool has(const UserRights& rights, Right right) {
  switch (right) {
    case Right::none:
      return true;
    case Right::any:
      return rights.upload || rights.download || rights.admin;
    case Right::download:
      return rights.download;
    case Right::upload:
      return rights.upload;
    case Right::admin:
      return rights.admin;
  }
  KACHERY_ASSERT(false);
}

bool is_among(const Asker& asker, Who who) {
  switch (who) {
    case Who::everybody:
      return true;
    case Who::anybody:
      return !asker.is_blocked();
    case Who::key:
      return asker.key != nullptr && !asker.is_blocked();
    case Who::node:
      return asker.node != nullptr && !asker.is_blocked();
    case Who::metrics:
      return asker.is_administrator() || std::holds_alternative<MetricsReader>(asker.actor);
    case Who::administrator:
      return asker.is_administrator();
  }
  KACHERY_ASSERT(false);
}

std::string_view name_of(Who who) {
  switch (who) {
    case Who::everybody:
      return "everybody";
    case Who::anybody:
      return "anybody who is not blocked";
    case Who::key:
      return "any key that signed, registered or not";
    case Who::node:
      return "a registered node";
    case Who::metrics:
      return "the metrics token";
    case Who::administrator:
      return "the administrator's token";
  }
  KACHERY_ASSERT(false);
}

std::string_view name_of(Right right) {
  switch (right) {
    case Right::none:
      return "";
    case Right::any:
      return ", with any right in the zone";
    case Right::download:
      return ", with the right to download in the zone";
    case Right::upload:
      return ", with the right to upload in the zone";
    case Right::admin:
      return ", with the right to manage the zone";
  }
  KACHERY_ASSERT(false);
}

// What would help. The same for a zone that does not exist as for one in which the asker has no right.
std::string advice(const Asker& asker, const Rule& rule, const UserRights& rights) {
  if (asker.node != nullptr && asker.node->revoked)
    return "the node " + asker.key->node.hex() + " was revoked; register a new key with `kachery init`";
  if (asker.is_blocked())
    return "the user " + asker.node->user.str() + " is disabled; ask the administrator of this hub";
  if (rule.who == Who::metrics) return "this takes the metrics token";
  if (rule.who == Who::administrator) return "this takes the administrator's token";
  if (asker.is_administrator()) return "the administrator's token is no node; sign with a registered key";
  if (asker.key == nullptr) return "the request is not signed; `kachery init` makes a key and registers it";
  if (asker.node == nullptr)
    return "the key " + asker.key->node.hex() +
           " is not registered with this hub; register it with `kachery init`";
  if (!has(rights, Right::any))
    return "there is no such zone, or the user " + asker.node->user.str() +
           " has no rights there; ask an admin of the zone";
  return "the user " + asker.node->user.str() + " lacks the right; ask an admin of the zone for it";
}

}  // namespace

std::optional<NodeId> Permit::node() const {
  const auto* key = std::get_if<SigningKey>(&actor_);
  return key == nullptr ? std::nullopt : std::optional(key->node);
}

const UserName& Permit::own_user() const {
  KACHERY_ASSERT(user_.has_value());
  return *user_;
}

UserRights rights_in(const Facts& facts, const Actor& actor, const ZoneName& zone) {
  const auto found = facts.zones.find(zone);
  return found == facts.zones.end() ? UserRights{} : rights_of(asker_of(facts, actor), found->second);
}

std::string who_may(Action action) {
  const Rule& rule = rule_of(action);
  std::string who(name_of(rule.who));
  who += name_of(rule.right);
  return who;
}

Result<Permit> authorize(const Facts& facts, const Actor& actor, Action action, const ZoneName* zone) {
  const Rule& rule = rule_of(action);
  const bool in_zone = rule.right != Right::none;
  KACHERY_ASSERT(!in_zone || zone != nullptr);
  const Asker asker = asker_of(facts, actor);
  const UserRights rights = in_zone ? rights_in(facts, actor, *zone) : UserRights{};

  // The administrator may be told that there is no such zone: by whoever looks for it.
  const bool has_right = has(rights, rule.right) || (asker.is_administrator() && rule.right != Right::upload);
  if (is_among(asker, rule.who) && has_right) {
    const bool has_user = asker.node != nullptr && !asker.is_blocked();
    return Permit(actor, action, has_user ? std::optional(asker.node->user) : std::nullopt);
  }
  std::string message = "not allowed to ";
  message += rule.what;
  if (in_zone) message += " in the zone " + zone->str();
  message += ": ";
  message += advice(asker, rule, rights);
  return fail(Code::denied, std::move(message));
}

}  // namespace kachery::hub
