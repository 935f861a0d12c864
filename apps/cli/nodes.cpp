// The commands about this node and its hub: init, whoami, node.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "client/settings.h"
#include "commands.h"
#include "console.h"
#include "core/text.h"
#include "json/json.h"
#include "net/url.h"
#include "os/file.h"
#include "registration.h"
#include "zone_choice.h"

namespace kachery::cli {
namespace {

json::Value text_or_null(const std::optional<std::string>& text) {
  return text ? json::Value(*text) : json::Value();
}

json::Value count_or_null(const std::optional<std::uint64_t>& count) {
  return count ? json::Value(*count) : json::Value();
}

// RFC 3339, UTC.
std::string time_of(std::int64_t time_ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(time_ms / 1000)));
}

json::Object as_json(const wire::WhoAmI& who, const std::string& hub) {
  return {{"hub", hub},
          {"node", who.node ? json::Value(who.node->hex()) : json::Value()},
          {"registered", who.registered},
          {"revoked", who.revoked},
          {"label", text_or_null(who.label)},
          {"user", who.user ? json::Value(who.user->str()) : json::Value()},
          {"zone", who.zone.str()},
          {"upload", who.rights.upload},
          {"download", who.rights.download},
          {"admin", who.rights.admin},
          {"bytes", who.bytes.used},
          {"bytes_max", count_or_null(who.bytes.max)},
          {"objects", who.objects.used},
          {"objects_max", count_or_null(who.objects.max)}};
}

// Where the address of a hub is noted: in the context in use, else in a new one that is named after the hub.
Result<> note_hub(const Configuration& configuration, const Url& url) {
  KACHERY_TRY(path, user_settings_path());
  const std::string in_use = configuration.context.value;
  const std::string name = in_use.empty() ? url.authority() : in_use;
  KACHERY_TRY(change_contexts(path, [&](Settings& settings) -> Result<> {
    settings.contexts[name].gateway_url = url.pinned();
    if (in_use.empty()) settings.context = name;
    return {};
  }));
  say(fmt::format("noted the hub {} as context {} in {}", url.str(), printable(name), path.native()));
  return {};
}

constexpr std::size_t kCodeBytesMax = 100;
constexpr std::size_t kTokenBytesMax = 1'000;
constexpr std::size_t kLabelBytesMax = 200;  // As hubs have it.

// Whether a code or a token is written in the characters that hubs make them of.
bool is_written_well(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
}

class InitCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("hub", url_,
                     "The hub's address, as it was given to you: https://HOST[:PORT][#FINGERPRINT]",
                     Required::no);
    options.option("--label", label_, "What people call this machine, instead of its name");
    options.option("--user", user_, "Whose node it is to be; whoever approves it decides");
    options.option("--invitation", invitation_,
                   "The token of an invitation; others on this machine may see it meanwhile, so rather:");
    options.option("--invitation-file", invitation_file_, "A file with the token");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(joining, joining_of());
    KACHERY_TRY(configuration, context.configuration());
    const std::string noted = configuration.gateway_url.value;
    if (!url_.empty()) configuration.gateway_url = {url_, "kachery init"};
    KACHERY_TRY(require_hub(configuration, "kachery init"));
    KACHERY_TRY(url, Url::parse(configuration.gateway_url.value));
    Session session(configuration);
    KACHERY_TRY(hub, session.hub(MissingKey::generate));
    // Before anything is noted: whether this is a hub.
    KACHERY_TRY(hub->info(context.progress.cancel));
    if (url.pinned() != noted && !url_.empty()) KACHERY_TRY(note_hub(configuration, url));
    KACHERY_TRY(who, join_hub(context, session, joining));
    warn_of_others(context, url);
    KACHERY_TRY(context.print_fields(as_json(who, url.str())));
    return 0;
  }

 private:
  Result<Joining> joining_of() const {
    if (label_.size() > kLabelBytesMax || printable(label_) != label_)
      return fail(Code::invalid,
                  fmt::format("--label \"{}\" cannot be used: it may have {} bytes, and no control "
                              "characters",
                              printable(label_.substr(0, kLabelBytesMax)), kLabelBytesMax));
    Joining joining{.label = label_};
    if (!user_.empty()) {
      KACHERY_TRY(user, UserName::parse(user_));
      joining.user = user;
    }
    if (!invitation_.empty() && !invitation_file_.empty())
      return fail(Code::invalid, "give --invitation or --invitation-file, not both");
    if (!invitation_.empty()) joining.invitation = invitation_;
    if (!invitation_file_.empty()) {
      KACHERY_TRY(token, read_token(invitation_file_));
      joining.invitation = std::move(token);
    }
    // Nobody is to see it, also not in a message.
    if (joining.invitation && !is_written_well(*joining.invitation, kTokenBytesMax))
      return fail(Code::invalid,
                  "the token of the invitation cannot be right: one has letters, digits, \"-\" and "
                  "\"_\" only; give it as it was printed");
    return joining;
  }

  static Result<std::string> read_token(const std::string& path) {
    KACHERY_TRY(file, open_user_file(path));
    std::string text(kTokenBytesMax, '\0');
    KACHERY_TRY(size, file->read_at(0, std::as_writable_bytes(std::span(text))));
    text.resize(size);
    text.erase(text.find_last_not_of(" \r\n\t") + 1);
    if (text.empty() || text.contains('\n'))
      return fail(Code::invalid,
                  printable(path) + ": this is no invitation: one line with a token was expected");
    return text;
  }

  // What was noted does not hold where something else counts more.
  static void warn_of_others(const Context& context, const Url& url) {
    const auto now = context.configuration();
    if (!now) return;
    const auto counts = Url::parse(now->gateway_url.value);
    if (counts && *counts == url) return;
    say(fmt::format("but {} names another hub, and counts more: change or unset it",
                    now->gateway_url.origin));
  }

  std::string url_;  // Empty: the one that is configured.
  std::string label_;
  std::string user_;
  std::string invitation_;
  std::string invitation_file_;
};

class WhoAmICommand final : public Command {
 public:
  void declare(Options& options) override {
    options.option("--zone", choice_.zone, "The zone of the hub, instead of the one that is configured");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(require_hub(session->configuration(), "kachery whoami"));
    KACHERY_TRY(zone, choice_.name(session->configuration()));
    KACHERY_TRY(who, ask_whoami(context, *session, zone));
    KACHERY_TRY(hub, session->hub(MissingKey::none));
    KACHERY_TRY(context.print_fields(as_json(who, hub->url().str())));
    return 0;
  }

 private:
  ZoneChoice choice_;
};

// For the commands about the nodes of this node's user.
Result<remote::Hub*> hub_of(Context& context) {
  KACHERY_TRY(session, context.session());
  KACHERY_TRY(require_hub(session->configuration(), "kachery node"));
  return session->hub(MissingKey::none);
}

class NodeListCommand final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(hub, hub_of(context));
    KACHERY_TRY(list, hub->call(remote::kListNodes, wire::ListNodes{}, context.progress.cancel));
    json::Array items;
    std::string lines;
    for (const wire::Node& node : list.nodes) {
      const auto revoked = node.revoked_ms ? std::optional(time_of(*node.revoked_ms)) : std::nullopt;
      items.emplace_back(json::Object{{"node", node.node.hex()},
                                      {"label", node.label},
                                      {"user", node.user.str()},
                                      {"created", time_of(node.created_ms)},
                                      {"revoked", text_or_null(revoked)}});
      lines += fmt::format("{}\t{}\t{}\t{}\t{}\n", node.node.hex(), node.user.str(), printable(node.label),
                           time_of(node.created_ms), revoked ? "revoked " + *revoked : "");
    }
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"nodes", std::move(items)}}));
    } else {
      KACHERY_TRY(context.write(as_bytes(lines)));
    }
    return 0;
  }
};

class NodeApproveCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("code", code_, "What kachery init prints on the machine that waits");
  }

  Result<int> run(Context& context) override {
    if (!is_written_well(code_, kCodeBytesMax))
      return fail(Code::invalid, fmt::format("\"{}\" is no code: give it as kachery init prints it, such as "
                                             "ABCD-EFGH",
                                             printable(code_.substr(0, kCodeBytesMax))));
    KACHERY_TRY(hub, hub_of(context));
    const wire::Approve message{code_, std::nullopt};
    KACHERY_TRY(approved, hub->call(remote::kApprove, message, context.progress.cancel));
    KACHERY_TRY(context.print_fields(
        {{"node", approved.node.hex()}, {"label", approved.label}, {"user", approved.user.str()}}));
    return 0;
  }

 private:
  std::string code_;
};

class NodeRevokeCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("node", node_, "The node ID, as kachery node list prints it");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(id, NodeId::parse(node_));
    KACHERY_TRY(hub, hub_of(context));
    KACHERY_TRY(hub->call(remote::kRevokeNode, wire::RevokeNode{id}, context.progress.cancel));
    KACHERY_TRY(context.print_fields({{"revoked", id.hex()}}));
    return 0;
  }

 private:
  std::string node_;
};

}  // namespace

CommandList node_commands() {
  return {
      {"init", "Make this a node of a hub: its key, its registration, the hub's address in the settings",
       make_command<InitCommand>},
      {"whoami", "Print what this node is to the hub, and what it may do", make_command<WhoAmICommand>},
      {"node", "The nodes of this node's user", nullptr},
      {"node list", "Print them, also those that were revoked", make_command<NodeListCommand>},
      {"node approve", "Let a machine that waits be a node of the same user",
       make_command<NodeApproveCommand>},
      {"node revoke", "Shut a node out for good, such as that of a lost laptop",
       make_command<NodeRevokeCommand>},
  };
}

}  // namespace kachery::cli
