// The commands about channels: making and managing one's own, joining others'.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "administration.h"
#include "commands.h"
#include "console.h"
#include "core/text.h"
#include "json/json.h"
#include "os/clock.h"
#include "prompt.h"
#include "zone_command.h"

namespace kachery::cli {
namespace {

constexpr const char* kFamily = "kachery channel";
constexpr const char* kRolesHelp =
    "requestFiles, provideFiles, requestFeeds, provideFeeds, requestTasks, provideTasks; or request, "
    "provide, all";
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::uint64_t kDaysMax = 36'500;

// --- Roles, as they are typed and shown

Result<Roles> parse_roles(const std::vector<std::string>& words) {
  Roles roles;
  for (const std::string& word : words) {
    KACHERY_TRY(some, Roles::parse(word));
    roles = roles | some;
  }
  return roles;
}

json::Value as_json(Roles roles) {
  json::Array words;
  for (const std::string_view word : roles.words()) words.emplace_back(word);
  return words;
}

json::Object as_json(const wire::Channel& channel) {
  return {{"name", channel.name.str()},         {"owner", channel.owner.str()},
          {"description", channel.description}, {"created", moment(channel.created_ms)},
          {"manages", channel.manages},         {"granted", as_json(channel.granted)},
          {"wanted", as_json(channel.wanted)},  {"effective", as_json(channel.effective)}};
}

json::Object as_json(const wire::ChannelMember& member) {
  return {{"node", member.node.hex()},
          {"user", member.user.str()},
          {"label", member.label},
          {"granted", as_json(member.granted)},
          {"wanted", as_json(member.wanted)},
          {"effective", as_json(member.effective)}};
}

json::Object as_json(const wire::ChannelInvitation& invitation) {
  return {{"id", invitation.id},
          {"roles", as_json(invitation.roles)},
          {"passcode", invitation.is_passcode},
          {"uses_left", invitation.uses_left ? json::Value(*invitation.uses_left) : json::Value()},
          {"expires", invitation.expires_ms ? json::Value(moment(*invitation.expires_ms)) : json::Value()},
          {"members", invitation.members}};
}

std::string lines_of(Roles granted, Roles wanted, Roles effective) {
  return fmt::format("{:<16} {}\n{:<16} {}\n{:<16} {}\n", "granted:", granted.str(), "wanted:", wanted.str(),
                     "effective:", effective.str());
}

std::string lines_of(const wire::Channel& channel) {
  return fmt::format("{:<16} {}\n{:<16} {}\n{:<16} {}\n{:<16} {}\n", "name:", channel.name.str(),
                     "owner:", channel.owner.str(), "description:", channel.description,
                     "created:", moment(channel.created_ms)) +
         lines_of(channel.granted, channel.wanted, channel.effective);
}

std::string line_of(const wire::ChannelMember& member) {
  return fmt::format("{}\t{}\t{}\tgranted {}\twanted {}\n", member.node.hex(), member.user.str(),
                     printable(member.label), member.granted.str(), member.wanted.str());
}

std::string line_of(const wire::ChannelInvitation& invitation) {
  return fmt::format(
      "{}\t{}\t{}\t{}\t{}\t{} members\n", invitation.id, invitation.is_passcode ? "passcode" : "code",
      invitation.roles.str(),
      invitation.uses_left ? fmt::format("{} uses", *invitation.uses_left) : "any number of uses",
      invitation.expires_ms ? "until " + moment(*invitation.expires_ms) : "for ever", invitation.members);
}

// What of the two a role lacks, and who can say it.
void explain(const wire::Channel& channel) {
  const Roles unwanted = channel.granted - channel.wanted;
  const Roles ungranted = channel.wanted - channel.granted;
  if (!unwanted.empty())
    say(fmt::format("granted but not wanted: {}; kachery channel set-roles {} {} makes them hold",
                    unwanted.str(), channel.name.str(), fmt::join((channel.wanted | unwanted).words(), " ")));
  if (!ungranted.empty())
    say(fmt::format("wanted but not granted: {}; {} can grant them", ungranted.str(), channel.owner.str()));
}

void explain(const wire::ChannelMember& member, const ChannelName& channel) {
  const Roles unwanted = member.granted - member.wanted;
  if (unwanted.empty()) return;
  say(fmt::format("granted but not wanted: {}; on that machine, kachery channel {} {} makes them hold",
                  unwanted.str(),
                  member.wanted.empty() ? fmt::format("join {} --roles", channel.str())
                                        : fmt::format("set-roles {}", channel.str()),
                  fmt::join((member.wanted | unwanted).words(), member.wanted.empty() ? " --roles " : " ")));
}

// --- What the commands have in common

// One about a channel by its name.
class ChannelCommand : public ZoneCommand {
 public:
  explicit ChannelCommand(MissingKey missing = MissingKey::none) : ZoneCommand(kFamily, missing) {}

  void declare(Options& options) final {
    options.argument("name", name_, "What the channel is called in the zone");
    declare_own(options);
    declare_zone(options);
  }

 protected:
  // Beside the name and the zone.
  virtual void declare_own(Options&) {}
  virtual Result<> act_on(const Context& context, remote::Hub& hub,
                          const wire::NamedChannel& channel) const = 0;

  static Result<> print(const Context& context, const wire::Channel& channel) {
    if (context.common.json) return context.print(as_json(channel));
    KACHERY_TRY(context.write(as_bytes(lines_of(channel))));
    explain(channel);
    return {};
  }

 private:
  Result<> act(const Context& context, remote::Hub& hub, const ZoneName& zone) const final {
    KACHERY_TRY(name, ChannelName::parse(name_));
    return act_on(context, hub, {zone, name});
  }

  std::string name_;
};

class CreateCommand final : public ChannelCommand {
 public:
  CreateCommand() : ChannelCommand(MissingKey::generate) {}

 private:
  void declare_own(Options& options) override {
    options.option("--description", description_, "What it is for, in a line");
  }

  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    const wire::CreateChannel message{channel.zone, channel.name, description_};
    KACHERY_TRY(made, hub.call(remote::kCreateChannel, message, context.progress.cancel));
    return print(context, made);
  }

  std::string description_;
};

class DescribeCommand final : public ChannelCommand {
  void declare_own(Options& options) override {
    options.argument("description", description_, "What it is for, in a line");
  }

  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    const wire::DescribeChannel message{channel.zone, channel.name, description_};
    KACHERY_TRY(hub.call(remote::kDescribeChannel, message, context.progress.cancel));
    return context.print_fields({{"name", channel.name.str()}, {"description", description_}});
  }

  std::string description_;
};

class DeleteCommand final : public ChannelCommand {
  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    KACHERY_TRY(hub.call(remote::kDeleteChannel, channel, context.progress.cancel));
    return context.print_fields({{"deleted", channel.name.str()}});
  }
};

class ListCommand final : public ZoneCommand {
 public:
  ListCommand() : ZoneCommand(kFamily) {}

  void declare(Options& options) override {
    options.flag("--all", all_, "All of the zone, which takes an admin of it");
    declare_zone(options);
  }

 private:
  Result<> act(const Context& context, remote::Hub& hub, const ZoneName& zone) const override {
    const wire::ListChannels question{zone, std::nullopt, all_};
    KACHERY_TRY(list, hub.call(remote::kListChannels, question, context.progress.cancel));
    json::Array items;
    std::string lines;
    for (const wire::Channel& channel : list.channels) {
      items.emplace_back(as_json(channel));
      lines += fmt::format("{}\t{}\t{}\t{}\n", channel.name.str(), channel.owner.str(),
                           channel.effective.str(), printable(channel.description));
    }
    if (context.common.json) return context.print(json::Object{{"channels", std::move(items)}});
    return context.write(as_bytes(lines));
  }

  bool all_ = false;
};

// Of whoever manages it also the members and the invitations.
class ShowCommand final : public ChannelCommand {
  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    KACHERY_TRY(known, find(context, hub, channel));
    json::Object object = as_json(known);
    std::string lines = lines_of(known);
    json::Value members;
    json::Value invitations;
    if (known.manages) {
      KACHERY_TRY(all, hub.call(remote::kListChannelMembers, channel, context.progress.cancel));
      KACHERY_TRY(open, hub.call(remote::kListChannelInvitations, channel, context.progress.cancel));
      members = listed(all.members, "members", lines);
      invitations = listed(open.invitations, "invitations", lines);
    }
    object.emplace_back("members", std::move(members));
    object.emplace_back("invitations", std::move(invitations));
    if (context.common.json) return context.print(std::move(object));
    KACHERY_TRY(context.write(as_bytes(lines)));
    explain(known);
    return {};
  }

  // Whoever is no member of it may be an admin of the zone.
  static Result<wire::Channel> find(const Context& context, remote::Hub& hub,
                                    const wire::NamedChannel& channel) {
    for (const bool all : {false, true}) {
      const wire::ListChannels question{channel.zone, channel.name, all};
      const auto list = hub.call(remote::kListChannels, question, context.progress.cancel);
      if (!list && !(all && list.error().code == Code::denied)) return std::unexpected(list.error());
      if (list && !list->channels.empty()) return list->channels.front();
    }
    return fail(
        Code::not_found,
        fmt::format(
            "the zone {} of {} has no channel {} that this node is a member of; kachery channel list "
            "names those, kachery channel join {} CODE joins another, kachery channel create {} makes one",
            channel.zone.str(), hub.url().str(), channel.name.str(), channel.name.str(), channel.name.str()));
  }

  template <class Thing>
  static json::Value listed(const std::vector<Thing>& things, std::string_view what, std::string& lines) {
    json::Array items;
    if (!things.empty()) lines += fmt::format("\n{}:\n", what);
    for (const Thing& thing : things) {
      items.emplace_back(as_json(thing));
      lines += line_of(thing);
    }
    return items;
  }
};

// --- Who may what

class ChangeCommand : public ChannelCommand {
 public:
  explicit ChangeCommand(remote::Call<wire::ChangeGrant, wire::ChannelMember> call) : call_(call) {}

 protected:
  // What is changed where no role is named; empty: one is to be named.
  virtual Roles unnamed() const { return {}; }

 private:
  void declare_own(Options& options) final {
    options.argument("node", node_, "The ID of the node, or me");
    options.argument("roles", roles_, kRolesHelp);
  }

  Result<> act_on(const Context& context, remote::Hub& hub, const wire::NamedChannel& channel) const final {
    KACHERY_TRY(node, node_named(hub));
    KACHERY_TRY(roles, parse_roles(roles_));
    if (roles_.empty()) roles = unnamed();
    const wire::ChangeGrant message{channel.zone, channel.name, node, roles};
    KACHERY_TRY(member, hub.call(call_, message, context.progress.cancel));
    if (context.common.json) return context.print(as_json(member));
    KACHERY_TRY(context.write(as_bytes(lines_of(member.granted, member.wanted, member.effective))));
    explain(member, channel.name);
    return {};
  }

  Result<NodeId> node_named(const remote::Hub& hub) const {
    if (node_ != "me") return NodeId::parse(node_);
    const std::optional<NodeId> own = hub.node();
    if (!own)
      return fail(Code::invalid, "this machine has no key yet, so nobody is \"me\": kachery init makes one");
    return *own;
  }

  remote::Call<wire::ChangeGrant, wire::ChannelMember> call_;
  std::string node_;
  std::vector<std::string> roles_;
};

class GrantCommand final : public ChangeCommand {
 public:
  GrantCommand() : ChangeCommand(remote::kGrantRoles) {}
};

class RevokeCommand final : public ChangeCommand {
 public:
  RevokeCommand() : ChangeCommand(remote::kRevokeRoles) {}

 private:
  Roles unnamed() const override { return Roles::all(); }
};

// --- Invitations

// What stands on the command line, or "-": a line of standard input, which others on the machine do not see.
Result<std::string> secret_of(const Context& context, const std::string& text, const std::string& what) {
  if (text != "-") return text;
  Prompt prompt(context.progress.cancel);
  return prompt.ask(what, "", Echo::no);
}

class InviteCommand final : public ChannelCommand {
  void declare_own(Options& options) override {
    options.argument("roles", roles_, kRolesHelp);
    options.option(
        "--passcode", passcode_,
        "What the code is to be, 6 to 40 letters, digits and signs, instead of a random one; - reads it "
        "from standard input, so that nobody on this machine sees it");
    options.option("--uses", uses_, "How many nodes may join by it (1; by a passcode any number)");
    options.option("--days", days_, "How long it can be used (7; a passcode for ever)");
  }

  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    KACHERY_TRY(message, message_about(context, hub, channel));
    KACHERY_TRY(made, hub.call(remote::kInviteToChannel, message, context.progress.cancel));
    const wire::ChannelInvitation& invitation = made.invitation;
    if (context.common.json) {
      json::Object object = as_json(invitation);
      object.emplace(object.begin(), "code", made.code ? json::Value(*made.code) : json::Value());
      return context.print(std::move(object));
    }
    KACHERY_TRY(context.write(as_bytes(made.code ? *made.code + "\n" : invitation.id + "\n")));
    say(fmt::format(
        "whoever says `kachery channel join {} {}` is granted {}; {}, {}; `kachery channel uninvite {} {}` "
        "takes it back",
        channel.name.str(), made.code ? "CODE" : "PASSCODE", invitation.roles.str(),
        invitation.uses_left ? fmt::format("{} uses", *invitation.uses_left) : "any number of uses",
        invitation.expires_ms ? "until " + moment(*invitation.expires_ms) : "for ever", channel.name.str(),
        invitation.id));
    return {};
  }

  Result<wire::InviteToChannel> message_about(const Context& context, const remote::Hub& hub,
                                              const wire::NamedChannel& channel) const {
    KACHERY_TRY(roles, parse_roles(roles_));
    if (days_ && (*days_ == 0 || *days_ > kDaysMax))
      return fail(Code::invalid, fmt::format("--days takes 1 to {}", kDaysMax));
    wire::InviteToChannel message{channel.zone, channel.name, roles, std::nullopt, uses_, std::nullopt};
    if (days_) message.expires_ms = hub.now_ms() + static_cast<std::int64_t>(*days_) * kDayMs;
    if (passcode_) {
      KACHERY_TRY(passcode, secret_of(context, *passcode_, "Passcode"));
      message.passcode = std::move(passcode);
    }
    return message;
  }

  std::vector<std::string> roles_;
  std::optional<std::string> passcode_;
  std::optional<std::uint64_t> uses_;
  std::optional<std::uint64_t> days_;
};

class UninviteCommand final : public ChannelCommand {
  void declare_own(Options& options) override {
    options.argument("id", id_, "The invitation's ID, as kachery channel show prints it");
  }

  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    const wire::UninviteFromChannel message{channel.zone, channel.name, id_};
    KACHERY_TRY(hub.call(remote::kUninviteFromChannel, message, context.progress.cancel));
    return context.print_fields({{"uninvited", id_}});
  }

  std::string id_;
};

// --- What a node does for itself

class JoinCommand final : public ChannelCommand {
 public:
  JoinCommand() : ChannelCommand(MissingKey::generate) {}

 private:
  void declare_own(Options& options) override {
    options.argument(
        "code", code_,
        "The code or passcode of an invitation; - reads it from standard input. None: where the owner has "
        "granted something already",
        Required::no);
    options.option(
        "--roles", roles_,
        "What this node wants there, instead of the three request roles; may be said several times");
  }

  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    wire::JoinChannel message{channel.zone, channel.name, std::nullopt, std::nullopt};
    if (!code_.empty()) {
      KACHERY_TRY(code, secret_of(context, code_, "Code"));
      message.code = std::move(code);
    }
    if (!roles_.empty()) {
      KACHERY_TRY(roles, parse_roles(roles_));
      message.wanted = roles;
    }
    KACHERY_TRY(joined, hub.call(remote::kJoinChannel, message, context.progress.cancel));
    return print(context, joined);
  }

  std::string code_;
  std::vector<std::string> roles_;
};

class SetRolesCommand final : public ChannelCommand {
  void declare_own(Options& options) override {
    options.argument("roles", roles_, (std::string(kRolesHelp) + "; none wants nothing there").c_str());
  }

  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    const bool wants_none = roles_ == std::vector<std::string>{"none"};
    if (roles_.empty())
      return fail(Code::invalid,
                  std::string("name the roles that this node wants there: ") + kRolesHelp + "; or none");
    KACHERY_TRY(roles, wants_none ? Result<Roles>(Roles()) : parse_roles(roles_));
    const wire::SetRoles message{channel.zone, channel.name, roles};
    KACHERY_TRY(changed, hub.call(remote::kSetRoles, message, context.progress.cancel));
    return print(context, changed);
  }

  std::vector<std::string> roles_;
};

class LeaveCommand final : public ChannelCommand {
  Result<> act_on(const Context& context, remote::Hub& hub,
                  const wire::NamedChannel& channel) const override {
    KACHERY_TRY(hub.call(remote::kLeaveChannel, channel, context.progress.cancel));
    return context.print_fields({{"left", channel.name.str()}});
  }
};

}  // namespace

CommandList channel_commands() {
  return {
      {"channel", "The channels of a zone: groups of nodes, and what each may do there", nullptr},
      {"channel create", "Make a channel, which is this node's user's", make_command<CreateCommand>},
      {"channel describe", "Say what a channel is for", make_command<DescribeCommand>},
      {"channel delete", "Delete a channel, and take back what was uploaded to it",
       make_command<DeleteCommand>},
      {"channel list", "Print those that this node is a member of", make_command<ListCommand>},
      {"channel show", "Print one of them: this node's roles; for its owner all members and invitations",
       make_command<ShowCommand>},
      {"channel grant", "Let a node do more in a channel", make_command<GrantCommand>},
      {"channel revoke", "Let a node do less in a channel; with no roles, nothing at all",
       make_command<RevokeCommand>},
      {"channel invite", "Make a code by which nodes join", make_command<InviteCommand>},
      {"channel uninvite", "Take a code back, and the roles that it granted", make_command<UninviteCommand>},
      {"channel join", "Join a channel by a code", make_command<JoinCommand>},
      {"channel set-roles", "Say which roles this node wants in a channel", make_command<SetRolesCommand>},
      {"channel leave", "Be no member any more", make_command<LeaveCommand>},
  };
}

}  // namespace kachery::cli
