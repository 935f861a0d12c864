// kachery hub admin, for people: users, their nodes, invitations.
#include <fmt/format.h>

#include "administration.h"
#include "commands.h"
#include "core/text.h"

namespace kachery::cli {
namespace {

class UserListCommand final : public AdminCommand {
  void declare_own(Options&) override {}

  Result<> act(Context& context, remote::Hub& hub) override {
    return ask(context, hub, remote::kListUsers, wire::ListUsers{}, [](const wire::UserList& list) {
      std::string lines;
      for (const wire::User& user : list.users)
        lines += fmt::format("{}\t{}\t{} nodes\t{}\n", user.user.str(), moment(user.created_ms), user.nodes,
                             user.disabled ? "disabled" : "");
      return lines;
    });
  }
};

// Creating, disabling and enabling one user.
class UserCommand : public AdminCommand {
 protected:
  using Call = remote::Call<wire::NamedUser, wire::Done>;
  explicit UserCommand(const Call& call) : call_(call) {}

 private:
  void declare_own(Options& options) override { options.argument("user", user_, "The user's name"); }

  Result<> act(Context& context, remote::Hub& hub) override {
    KACHERY_TRY(user, UserName::parse(user_));
    return tell(context, hub, call_, {user});
  }

  const Call& call_;
  std::string user_;
};

class UserCreateCommand final : public UserCommand {
 public:
  UserCreateCommand() : UserCommand(remote::kCreateUser) {}
};

class UserDisableCommand final : public UserCommand {
 public:
  UserDisableCommand() : UserCommand(remote::kDisableUser) {}
};

class UserEnableCommand final : public UserCommand {
 public:
  UserEnableCommand() : UserCommand(remote::kEnableUser) {}
};

class NodeListCommand final : public AdminCommand {
  void declare_own(Options& options) override { options.option("--user", user_, "Only those of this user"); }

  Result<> act(Context& context, remote::Hub& hub) override {
    wire::ListAllNodes message;
    if (user_) {
      KACHERY_TRY(user, UserName::parse(*user_));
      message.user = std::move(user);
    }
    return ask(context, hub, remote::kListAllNodes, message, [](const wire::NodeList& list) {
      std::string lines;
      for (const wire::Node& node : list.nodes)
        lines += fmt::format("{}\t{}\t{}\t{}\t{}\n", node.node.hex(), node.user.str(), printable(node.label),
                             moment(node.created_ms),
                             node.revoked_ms ? "revoked " + moment(*node.revoked_ms) : "");
      return lines;
    });
  }

  std::optional<std::string> user_;
};

class NodeApproveCommand final : public AdminCommand {
  void declare_own(Options& options) override {
    options.argument("code", code_, "What kachery init prints on the machine that waits");
    options.option("--user", user_, "Whose node it is to be; without it, as it says itself");
  }

  Result<> act(Context& context, remote::Hub& hub) override {
    wire::Approve message{code_, std::nullopt};
    if (user_) {
      KACHERY_TRY(user, UserName::parse(*user_));
      message.user = std::move(user);
    }
    return ask(context, hub, remote::kApproveForUser, message, [](const wire::Node& approved) {
      return fmt::format("{}\t{}\n", approved.node.hex(), approved.user.str());
    });
  }

  std::string code_;
  std::optional<std::string> user_;
};

class NodeRevokeCommand final : public AdminCommand {
  void declare_own(Options& options) override {
    options.argument("node", node_, "The node ID, as kachery hub admin node list prints it");
  }

  Result<> act(Context& context, remote::Hub& hub) override {
    KACHERY_TRY(node, NodeId::parse(node_));
    return tell(context, hub, remote::kRevokeAnyNode, {node});
  }

  std::string node_;
};

class InviteCommand final : public AdminCommand {
  void declare_own(Options& options) override {
    options.argument("user", user_, "Whose nodes it registers; made if there is none yet");
    options.option("--uses", uses_, "How many nodes it registers (1)");
    options.option("--hours", hours_, "How long it can be used (24)");
    options.option("--zone", zone_, "A zone in which the user gets rights:");
    options.flag("--upload", rights_.upload, "To upload there");
    options.flag("--download", rights_.download, "To download there");
    options.flag("--admin", rights_.admin, "To manage it");
  }

  Result<> act(Context& context, remote::Hub& hub) override {
    KACHERY_TRY(user, UserName::parse(user_));
    const bool has_rights = rights_ != wire::Rights{};
    if (zone_.has_value() != has_rights)
      return fail(Code::invalid, "--zone and the rights there (--upload, --download, --admin) go together");
    wire::Invite message{.user = std::move(user),
                         .uses = uses_.value_or(1),
                         .hours = hours_.value_or(24),
                         .zone = std::nullopt,
                         .rights = std::nullopt};
    if (zone_) {
      KACHERY_TRY(zone, ZoneName::parse(*zone_));
      message.zone = std::move(zone);
      message.rights = rights_;
    }
    return ask(context, hub, remote::kInvite, message,
               [](const wire::Invitation& invitation) { return invitation.token + "\n"; });
  }

  std::string user_;
  std::optional<std::uint64_t> uses_;
  std::optional<std::uint64_t> hours_;
  std::optional<std::string> zone_;
  wire::Rights rights_{};
};

class InvitationListCommand final : public AdminCommand {
  void declare_own(Options&) override {}

  Result<> act(Context& context, remote::Hub& hub) override {
    return ask(context, hub, remote::kListInvitations, wire::ListInvitations{},
               [](const wire::InvitationList& list) {
                 std::string lines;
                 for (const wire::InvitationEntry& one : list.invitations)
                   lines += fmt::format("{}\t{}\t{} uses\tuntil {}\n", one.id, one.user.str(), one.uses_left,
                                        moment(one.expires_ms));
                 return lines;
               });
  }
};

class InvitationRevokeCommand final : public AdminCommand {
  void declare_own(Options& options) override {
    options.argument("id", id_, "Its ID, as kachery hub admin invitation list prints it");
  }

  Result<> act(Context& context, remote::Hub& hub) override {
    return tell(context, hub, remote::kRevokeInvitation, {id_});
  }

  std::string id_;
};

}  // namespace

CommandList hub_people_commands() {
  return {
      {"hub admin", "Users, nodes, zones, quotas and the audit log of a hub", nullptr},
      {"hub admin user", "Users", nullptr},
      {"hub admin user list", "Print all", make_command<UserListCommand>, Place::hub},
      {"hub admin user create", "Create one", make_command<UserCreateCommand>, Place::hub},
      {"hub admin user disable", "Refuse every request of a user's nodes", make_command<UserDisableCommand>,
       Place::hub},
      {"hub admin user enable", "Take them again", make_command<UserEnableCommand>, Place::hub},
      {"hub admin node", "The nodes of all users", nullptr},
      {"hub admin node list", "Print all", make_command<NodeListCommand>, Place::hub},
      {"hub admin node approve", "Register a node that waits", make_command<NodeApproveCommand>, Place::hub},
      {"hub admin node revoke", "Refuse every request of a node, for good", make_command<NodeRevokeCommand>,
       Place::hub},
      {"hub admin invite", "Print a token that registers nodes of a user", make_command<InviteCommand>,
       Place::hub},
      {"hub admin invitation", "Invitations that can be used", nullptr},
      {"hub admin invitation list", "Print all, without their tokens", make_command<InvitationListCommand>,
       Place::hub},
      {"hub admin invitation revoke", "Take one back", make_command<InvitationRevokeCommand>, Place::hub},
  };
}

}  // namespace kachery::cli
