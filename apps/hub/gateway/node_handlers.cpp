#include "hub/gateway/node_handlers.h"

#include <algorithm>

#include "core/text.h"
#include "os/random.h"
#include "wire/hub.h"
#include "wire/nodes.h"

namespace kachery::hub {
namespace {

// Without 0, O, 1 and I, which people take for each other: 32 letters, five bits each.
constexpr std::string_view kCodeLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
constexpr std::size_t kCodeHalf = 4;

// "K7QF-2MXD": eight letters, of 40 random bits.
std::string random_code() {
  std::uint64_t bits = std::stoull(random_hex(5), nullptr, 16);
  std::string code;
  for (std::size_t i = 0; i < 2 * kCodeHalf; ++i) {
    if (i == kCodeHalf) code += '-';
    code += kCodeLetters[bits % kCodeLetters.size()];
    bits /= kCodeLetters.size();
  }
  return code;
}

Result<> check_label(const std::string& label) {
  if (label.size() <= kLabelBytesMax && printable(label) == label) return {};
  return fail(Code::invalid, "the label \"" + printable(label.substr(0, kLabelBytesMax)) +
                                 "\" cannot be used: it may have " + std::to_string(kLabelBytesMax) +
                                 " bytes, and no control characters");
}

NodeId signer(const Call& call) {
  const std::optional<NodeId> node = call.permit.node();
  KACHERY_ASSERT(node.has_value());
  return *node;
}

const NodeFacts* find_node(const Facts& facts, const NodeId& node) {
  const auto found = facts.nodes.find(node);
  return found == facts.nodes.end() ? nullptr : &found->second;
}

// After a change of who is who: nobody is told of it before it counts.
Task<Result<>> spread(Shared& shared) {
  KACHERY_CO_TRY(co_await shared.services.facts.refresh());
  shared.node_registered.notify();
  co_return Result<>();
}

wire::Registration registered(const NodeId& node, const UserName& user) {
  return {.node = node, .registered = true, .user = user, .code = {}, .link = {}, .expires_ms = {}};
}

wire::Registration waiting(const PendingRecord& pending, const Url& hub) {
  return {.node = pending.node,
          .registered = false,
          .user = pending.user,
          .code = pending.code,
          .link = hub.str() + "/register/" + pending.code,
          .expires_ms = pending.expires_ms};
}

Task<Result<wire::Registration>> redeem(Call call, wire::Register message) {
  auto work = [&call, &message, node = signer(call)] {
    const Digest token_hash = Hasher::of(Algorithm::sha256, as_bytes(*message.invitation));
    return call.services().catalog.people().redeem(token_hash, node, message.label, call.now_ms);
  };
  KACHERY_CO_TRY(user, co_await call.services().loop.offload(std::move(work)));
  KACHERY_CO_TRY(co_await spread(call.shared));
  co_return registered(signer(call), user);
}

Task<Result<wire::Registration>> register_openly(Call call, wire::Register message) {
  const NodeId node = signer(call);
  const UserName user = user_at_open_hub(node);
  auto work = [&call, &message, node, &user] {
    return call.services().catalog.people().add_node(node, user, message.label, call.now_ms);
  };
  KACHERY_CO_TRY(co_await call.services().loop.offload(std::move(work)));
  KACHERY_CO_TRY(co_await spread(call.shared));
  co_return registered(node, user);
}

Task<Result<wire::Registration>> wait_for_approval(Call call, wire::Register message) {
  const PendingRecord pending{.code = random_code(),
                              .node = signer(call),
                              .label = message.label,
                              .user = message.user,
                              .expires_ms = call.now_ms + kPendingMs};
  auto work = [&call, &pending] {
    return call.services().catalog.people().add_pending(pending, call.now_ms);
  };
  KACHERY_CO_TRY(added, co_await call.services().loop.offload(std::move(work)));
  co_return waiting(added, call.services().settings.public_urls.front());
}

Task<Result<wire::Registration>> register_node(Call call, wire::Register message) {
  KACHERY_CO_TRY(check_label(message.label));
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const NodeFacts* known = find_node(*facts, signer(call));
  if (known != nullptr && known->revoked)
    co_return fail(Code::denied, "this node was revoked: make a new key, and register that one");
  if (known != nullptr && !message.invitation) co_return registered(signer(call), known->user);
  if (message.invitation) co_return co_await redeem(call, std::move(message));
  if (call.services().settings.open) co_return co_await register_openly(call, std::move(message));
  co_return co_await wait_for_approval(call, std::move(message));
}

// Lines that say how a registration stands: one at once, then whenever it changes, and now and then.
class RegistrationLines final : public Body {
 public:
  RegistrationLines(Shared& shared, PendingRecord pending) : shared_(shared), pending_(std::move(pending)) {}

  std::optional<ByteCount> size() const override { return std::nullopt; }

  Task<Result<ByteView>> next() override {
    if (ended_) co_return ByteView();
    if (!line_.empty()) co_await wait_for_change();
    const std::shared_ptr<const Facts> facts = shared_.services.facts.now();
    const NodeFacts* known = find_node(*facts, pending_.node);
    ended_ = known != nullptr || has_expired();
    line_ = wire::print(known != nullptr ? registered(pending_.node, known->user)
                                         : waiting(pending_, shared_.services.settings.public_urls.front())) +
            "\n";
    co_return as_bytes(line_);
  }

 private:
  bool has_expired() const { return shared_.services.clock.now_ns() / 1'000'000 >= pending_.expires_ms; }

  // Other processes approve, too: the facts show it within seconds.
  Task<> wait_for_change() {
    const auto until = std::chrono::steady_clock::now() + kAwaitLineWait;
    while (std::chrono::steady_clock::now() < until && !has_expired()) {
      if (find_node(*shared_.services.facts.now(), pending_.node) != nullptr) break;
      co_await shared_.node_registered.wait(kAwaitLookWait);
    }
  }

  Shared& shared_;
  PendingRecord pending_;
  std::string line_;
  bool ended_ = false;
};

Task<Result<Response>> await_registration(Call call, wire::AwaitRegistration message) {
  const NodeId node = signer(call);
  auto work = [&call, &message] {
    return call.services().catalog.people().pending(message.code, call.now_ms);
  };
  Result<PendingRecord> pending = co_await call.services().loop.offload(std::move(work));
  if (!pending || pending->node != node) {
    // Approved before anybody waited, perhaps at this very moment: that is what they want to hear.
    KACHERY_CO_TRY(co_await call.services().facts.refresh());
    const std::shared_ptr<const Facts> facts = call.services().facts.now();
    const NodeFacts* known = find_node(*facts, node);
    if (known == nullptr || known->revoked)
      co_return fail(Code::not_found, "no registration of this node waits under the code " +
                                          printable(message.code) + ": register again");
    Response done = text_answer("application/x-ndjson", wire::print(registered(node, known->user)) + "\n");
    co_return done;
  }
  Response response;
  response.fields.add("Content-Type", "application/x-ndjson");
  response.fields.add("X-Accel-Buffering", "no");
  response.body = std::make_unique<RegistrationLines>(call.shared, *std::move(pending));
  co_return response;
}

wire::Node wire_node(const NodeRecord& record) {
  return {.node = record.node,
          .label = record.label,
          .user = record.user,
          .created_ms = record.created_ms,
          .revoked_ms = record.revoked_ms};
}

Task<Result<wire::Node>> approve(Call call, wire::Approve message) {
  const UserName own = call.permit.own_user();
  if (message.user && *message.user != own)
    co_return fail(Code::denied, "you are " + own.str() + ", and can approve nodes of yours only: nodes of " +
                                     message.user->str() + " are approved by " + message.user->str() +
                                     " or by the hub's administrator");
  auto work = [&call, &message, &own]() -> Result<NodeRecord> {
    People& people = call.services().catalog.people();
    KACHERY_TRY(pending, people.pending(message.code, call.now_ms));
    if (pending.user && *pending.user != own)
      return fail(Code::denied, "the node that waits under " + pending.code + " wants to be one of " +
                                    pending.user->str() + ", not of " + own.str());
    return people.approve(message.code, own, call.now_ms);
  };
  KACHERY_CO_TRY(node, co_await call.services().loop.offload(std::move(work)));
  KACHERY_CO_TRY(co_await spread(call.shared));
  co_return wire_node(node);
}

Task<Result<wire::NodeList>> list_nodes(Call call, wire::ListNodes) {
  auto work = [&call] { return call.services().catalog.people().nodes(call.permit.own_user()); };
  KACHERY_CO_TRY(nodes, co_await call.services().loop.offload(std::move(work)));
  wire::NodeList list;
  std::ranges::transform(nodes, std::back_inserter(list.nodes), wire_node);
  co_return list;
}

Task<Result<wire::Done>> revoke(Call call, wire::RevokeNode message) {
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const NodeFacts* known = find_node(*facts, message.node);
  if (known == nullptr || known->user != call.permit.own_user())
    co_return fail(Code::not_found, "you have no node " + message.node.hex());
  auto work = [&call, &message] {
    return call.services().catalog.people().revoke_node(message.node, call.now_ms);
  };
  KACHERY_CO_TRY(co_await call.services().loop.offload(std::move(work)));
  KACHERY_CO_TRY(co_await spread(call.shared));
  co_return wire::Done{true};
}

Task<Result<wire::WhoAmI>> who_am_i(Call call, wire::AskWhoAmI message) {
  const std::shared_ptr<const Facts> facts = call.services().facts.now();
  const UserRights rights = rights_in(*facts, call.permit.actor(), message.zone);
  const std::optional<NodeId> node = call.permit.node();
  const NodeFacts* known = node ? find_node(*facts, *node) : nullptr;
  wire::WhoAmI answer{.node = node,
                      .registered = known != nullptr,
                      .revoked = known != nullptr && known->revoked,
                      .label = {},
                      .user = {},
                      .zone = message.zone,
                      .rights = {rights.upload, rights.download, rights.admin},
                      .bytes = {0, std::nullopt},
                      .objects = {0, std::nullopt}};
  if (known == nullptr) co_return answer;
  answer.label = known->label;
  answer.user = known->user;
  if (rights == UserRights{}) co_return answer;
  auto work = [&call, &message, known] {
    return call.services().catalog.zones().quota_of(message.zone, known->user);
  };
  KACHERY_CO_TRY(quota, co_await call.services().loop.offload(std::move(work)));
  answer.bytes = {quota.bytes, quota.max.bytes};
  answer.objects = {quota.objects, quota.max.objects};
  co_return answer;
}

}  // namespace

std::vector<Route> node_routes() {
  std::vector<Route> routes;
  routes.push_back(message_route("/v1/nodes/register", Action::register_node, register_node));
  routes.push_back(message_route("/v1/nodes/await", Action::register_node, await_registration));
  routes.push_back(message_route("/v1/nodes/approve", Action::manage_own_nodes, approve));
  routes.push_back(message_route("/v1/nodes/list", Action::manage_own_nodes, list_nodes));
  routes.push_back(message_route("/v1/nodes/revoke", Action::manage_own_nodes, revoke));
  routes.push_back(message_route("/v1/nodes/whoami", Action::ask_who_i_am, who_am_i));
  return routes;
}

}  // namespace kachery::hub
