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
enum class Right {
  none,  // It is not about a zone, or whoever serves it knows who may.
  any,   // Or to be a member of one of its channels.
  download,
  read,  // To download there; or requestFiles, in the channel that is named, else in any.
  upload,
  send,  // To upload there; provideFiles, where a channel is named.
  admin,
  manage_channel,  // To be the channel's owner, or an admin of the zone.
};

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
    Rule{Action::find, Who::anybody, Right::read, "look for files"},
    Rule{Action::fetch, Who::anybody, Right::read, "get files"},
    Rule{Action::upload, Who::node, Right::send, "upload files"},
    Rule{Action::list_own, Who::node, Right::any, "list a user's files"},
    Rule{Action::remove_own, Who::node, Right::any, "remove a user's files"},
    Rule{Action::list_all, Who::anybody, Right::admin, "list the files of all"},
    Rule{Action::remove_all, Who::anybody, Right::admin, "remove the files of all"},
    Rule{Action::manage_zone, Who::anybody, Right::admin, "manage the zone"},
    Rule{Action::list_resources, Who::anybody, Right::download, "list resources"},
    Rule{Action::ask, Who::anybody, Right::download, "ask resources for files"},
    Rule{Action::ask_channels, Who::anybody, Right::read, "ask channels for files"},
    Rule{Action::register_resource, Who::node, Right::upload, "register a resource"},
    Rule{Action::provide, Who::node, Right::upload, "provide files"},
    Rule{Action::provide_as_node, Who::node, Right::none, "provide files"},
    Rule{Action::remove_resource, Who::node, Right::any, "remove a resource"},
    Rule{Action::create_channel, Who::node, Right::upload, "create channels"},
    Rule{Action::see_channels, Who::node, Right::none, "list channels"},
    Rule{Action::see_all_channels, Who::anybody, Right::admin, "list the channels of all"},
    Rule{Action::manage_channel, Who::node, Right::manage_channel, "manage a channel"},
    Rule{Action::join_channel, Who::node, Right::none, "join channels"},
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

// What an asker holds where a request is about: in a zone; and in one channel of it, where that is named.
struct Held {
  UserRights rights = {};
  Roles roles = {};         // Those that hold; of all channels of the zone where none is named.
  bool is_member = false;   // Likewise.
  bool is_owner = false;    // Of the channel that is named.
  bool of_channel = false;  // Whether one is named.
};

void add_channel(Held& held, const Facts& facts, const Asker& asker, const ChannelFacts& channel) {
  if (asker.node == nullptr || asker.is_blocked()) return;
  const MemberFacts member = member_in(facts, channel, asker.key->node);
  held.roles = held.roles | member.effective();
  held.is_member |= !member.granted.empty();
}

Held held_in(const Facts& facts, const Asker& asker, const ZoneName& zone, const ChannelName* channel) {
  Held held{.of_channel = channel != nullptr};
  const auto found = facts.zones.find(zone);
  if (found == facts.zones.end()) return held;
  held.rights = rights_of(asker, found->second);
  if (channel == nullptr) {
    for (const auto& [name, one] : found->second.channels) add_channel(held, facts, asker, one);
    return held;
  }
  const auto named = found->second.channels.find(*channel);
  if (named == found->second.channels.end()) return held;
  add_channel(held, facts, asker, named->second);
  held.is_owner = asker.node != nullptr && !asker.is_blocked() && asker.node->user == named->second.owner;
  return held;
}

bool has_any(const UserRights& rights) {
  return rights.upload || rights.download || rights.admin;
}

bool has(const Held& held, Right right) {
  const UserRights& rights = held.rights;
  switch (right) {
    case Right::none:
      return true;
    case Right::any:
      return has_any(rights) || held.is_member;
    case Right::download:
      return rights.download;
    case Right::read:
      return held.roles.has(Role::request_files) || (!held.of_channel && rights.download);
    case Right::upload:
      return rights.upload;
    case Right::send:
      return held.of_channel ? held.roles.has(Role::provide_files) : rights.upload;
    case Right::admin:
      return rights.admin;
    case Right::manage_channel:
      return held.is_owner || rights.admin;
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
      return ", with any right in the zone, or a role in a channel of it";
    case Right::download:
      return ", with the right to download in the zone";
    case Right::read:
      return ", with the right to download in the zone, or requestFiles in a channel";
    case Right::upload:
      return ", with the right to upload in the zone";
    case Right::send:
      return ", with the right to upload in the zone, or provideFiles in the channel";
    case Right::admin:
      return ", with the right to manage the zone";
    case Right::manage_channel:
      return ", of the channel's owner or with the right to manage the zone";
  }
  KACHERY_ASSERT(false);
}

// What would help a registered node with a channel. The same for one that does not exist as for one that the
// asker has nothing to do with.
std::string advice_in_channel(const Rule& rule, const Held& held, const ChannelId& channel) {
  if (!held.is_member) return no_such_channel(channel).message;
  if (rule.right == Right::manage_channel) return "its owner does that, or an admin of the zone";
  const std::string role(role_word(rule.right == Right::send ? Role::provide_files : Role::request_files));
  return "this node does not have the role " + role +
         " there, which is to be granted and wanted: kachery channel show " + channel.name.str() +
         " says which of the two is missing";
}

// What would help. The same for a zone that does not exist as for one in which the asker has no right.
std::string advice(const Asker& asker, const Rule& rule, const Held& held) {
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
  if (!has(held, Right::any))
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

const ChannelFacts* find_channel(const Facts& facts, const ChannelId& id) {
  const auto zone = facts.zones.find(id.zone);
  if (zone == facts.zones.end()) return nullptr;
  const auto channel = zone->second.channels.find(id.name);
  return channel == zone->second.channels.end() ? nullptr : &channel->second;
}

MemberFacts member_in(const Facts& facts, const ChannelFacts& channel, const NodeId& node) {
  const auto known = facts.nodes.find(node);
  if (known == facts.nodes.end() || known->second.revoked || known->second.user_disabled) return {};
  const auto found = channel.members.find(node);
  MemberFacts member = found == channel.members.end() ? MemberFacts{} : found->second;
  if (known->second.user == channel.owner) member.granted = Roles::all();
  return member;
}

bool is_member(const Facts& facts, const ChannelFacts& channel, const NodeId& node) {
  return !member_in(facts, channel, node).granted.empty();
}

Error no_such_channel(const ChannelId& id) {
  return {Code::denied,
          "there is no channel " + id.name.str() + " in the zone " + id.zone.str() +
              " that this node is a member of, or the code is wrong, used up, or has expired: ask the"
              " channel's owner for an invitation, and use it with `kachery channel join " +
              id.name.str() + " CODE`"};
}

Reader reader_in(const Facts& facts, const Actor& actor, const ZoneName& zone,
                 const std::optional<ChannelName>& channel) {
  const auto found = facts.zones.find(zone);
  if (found == facts.zones.end()) return {};
  const Asker asker = asker_of(facts, actor);
  Reader reader{.zone = !channel && rights_of(asker, found->second).download};
  if (asker.node == nullptr) return reader;
  for (const auto& [name, one] : found->second.channels) {
    if (channel && name != *channel) continue;
    if (member_in(facts, one, asker.key->node).effective().has(Role::request_files))
      reader.channels.push_back(name);
  }
  return reader;
}

Result<Permit> authorize(const Facts& facts, const Actor& actor, Action action, const ZoneName* zone,
                         const ChannelName* channel) {
  const Rule& rule = rule_of(action);
  const bool in_zone = rule.right != Right::none;
  KACHERY_ASSERT(!in_zone || zone != nullptr);
  const Asker asker = asker_of(facts, actor);
  const Held held = in_zone ? held_in(facts, asker, *zone, channel) : Held{};

  // The administrator may be told that there is no such zone: by whoever looks for it.
  const bool is_told = asker.is_administrator() && rule.right != Right::upload && rule.right != Right::send;
  const bool has_right = has(held, rule.right) || (is_told && channel == nullptr);
  if (is_among(asker, rule.who) && has_right) {
    const bool has_user = asker.node != nullptr && !asker.is_blocked();
    return Permit(actor, action, has_user ? std::optional(asker.node->user) : std::nullopt);
  }
  std::string message = "not allowed to ";
  message += rule.what;
  if (in_zone) message += " in the zone " + zone->str();
  message += ": ";
  const bool about_channel = in_zone && channel != nullptr && is_among(asker, Who::node);
  message += about_channel ? advice_in_channel(rule, held, {*zone, *channel}) : advice(asker, rule, held);
  return fail(Code::denied, std::move(message));
}

}  // namespace kachery::hub
