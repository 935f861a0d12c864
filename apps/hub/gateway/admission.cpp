#include "hub/gateway/admission.h"

#include <array>

#include "core/text.h"
#include "crypto/hmac.h"
#include "hub/gateway/routes.h"
#include "net/signing.h"

namespace kachery::hub {
namespace {

constexpr std::string_view kBearer = "Bearer ";

std::string actor_text(const Actor& actor) {
  if (const auto* key = std::get_if<SigningKey>(&actor)) return key->node.hex();
  if (std::holds_alternative<Administrator>(actor)) return "administrator";
  if (std::holds_alternative<MetricsReader>(actor)) return "metrics";
  return "";
}

std::unexpected<Error> too_many(Visit& visit, std::string_view whose, std::chrono::milliseconds wait) {
  const auto seconds = std::max<std::int64_t>(1, (wait.count() + 999) / 1000);
  visit.status = 429;
  visit.fields.add("Retry-After", std::to_string(seconds));
  return fail(Code::unavailable, "too many requests from " + std::string(whose) + ": try again in " +
                                     std::to_string(seconds) + " s");
}

// Who has this token, if the route takes it. Compared by its hash, in constant time.
Result<Actor> actor_with_token(const std::string& authorization, Bearer bearer, const Tokens& tokens) {
  if (!authorization.starts_with(kBearer))
    return fail(Code::denied, "the field Authorization is not understood: only \"Bearer TOKEN\" is");
  const Digest given =
      Hasher::of(Algorithm::sha256, as_bytes(std::string_view(authorization).substr(kBearer.size())));
  switch (bearer) {
    case Bearer::none:
      return fail(Code::denied, "this takes no token: sign the request with the key of a node instead");
    case Bearer::administrator:
      if (equal_in_constant_time(given.bytes(), tokens.administrator.bytes())) return Administrator{};
      return fail(Code::denied,
                  "the token is not the administrator's: that one is in the hub's file admin-token");
    case Bearer::metrics:
      if (equal_in_constant_time(given.bytes(), tokens.metrics.bytes())) return MetricsReader{};
      break;
  }
  return fail(Code::denied,
              "the token is not the one for metrics: that one is in the hub's file metrics-token");
}

// A channel, and what in it: "rats", "rats sha1:6af8...".
std::string object_of(const Question& question) {
  if (!question.channel) return question.object;
  return question.channel->str() + (question.object.empty() ? "" : " ") + question.object;
}

bool changes_something(Action action) {
  switch (action) {
    case Action::see_hub:
    case Action::ask_who_i_am:
    case Action::find:
    case Action::fetch:
    case Action::connect:
    case Action::list_resources:
    case Action::see_channels:
    case Action::see_all_channels:
    case Action::list_own:
    case Action::list_all:
    case Action::use_signed_url:
    case Action::read_metrics:
      return false;
    case Action::register_node:
    case Action::manage_own_nodes:
    case Action::ask:
    case Action::ask_channels:
    case Action::register_resource:
    case Action::provide:
    case Action::provide_as_node:
    case Action::remove_resource:
    case Action::create_channel:
    case Action::manage_channel:
    case Action::join_channel:
    case Action::upload:
    case Action::remove_own:
    case Action::remove_all:
    case Action::manage_zone:
    case Action::administrate:
      return true;
  }
  KACHERY_ASSERT(false);
}

}  // namespace

std::string_view action_name(Action action) {
  constexpr std::array<std::string_view, 28> kNames{"see_hub",
                                                    "register_node",
                                                    "ask_who_i_am",
                                                    "manage_own_nodes",
                                                    "connect",
                                                    "find",
                                                    "fetch",
                                                    "upload",
                                                    "list_own",
                                                    "remove_own",
                                                    "list_all",
                                                    "remove_all",
                                                    "manage_zone",
                                                    "list_resources",
                                                    "ask",
                                                    "ask_channels",
                                                    "register_resource",
                                                    "provide",
                                                    "provide_as_node",
                                                    "remove_resource",
                                                    "create_channel",
                                                    "see_channels",
                                                    "see_all_channels",
                                                    "manage_channel",
                                                    "join_channel",
                                                    "use_signed_url",
                                                    "read_metrics",
                                                    "administrate"};
  return kNames.at(static_cast<std::size_t>(action));
}

UserName user_at_open_hub(const NodeId& node) {
  return UserName::parse("node-" + node.hex().substr(0, 12)).value();
}

Result<> Admission::check_address(Visit& visit) {
  const std::string address = address_group(visit.head().peer);
  const auto wait = services_.address_rates.take(address, 1, visit.now_ms);
  if (!wait) return {};
  std::unexpected<Error> refusal = too_many(visit, "this address", *wait);
  if (!busy_addresses_.take(address, 1, visit.now_ms))
    record(visit, {.action = Action::see_hub}, "too many requests", &refusal.error());
  return refusal;
}

Result<> Admission::identify(Visit& visit) {
  const RequestHead& head = visit.head();
  const std::string* authorization = head.fields.find("authorization");
  if (is_signed(head)) {
    if (authorization != nullptr)
      return fail(Code::invalid, "the request is signed and has a token: use one of the two");
    KACHERY_TRY(signature, verify_request(head, services_.settings.public_urls));
    KACHERY_TRY(services_.nonces.accept(signature, visit.now_ms / 1000));
    visit.actor = SigningKey{signature.node};
    visit.signed_request = true;
    visit.signed_body = signature.body;
    return {};
  }
  if (authorization == nullptr) return {};
  if (head.fields.count("authorization") != 1)
    return fail(Code::invalid, "the field Authorization is there twice");
  KACHERY_TRY(actor, actor_with_token(*authorization, visit.route->bearer, services_.tokens));
  visit.actor = actor;
  return {};
}

Task<Result<Permit>> Admission::admit(Visit& visit, const Question& question) {
  KACHERY_CO_TRY(check_rates(visit, question));
  // Nothing is changed that the audit log could not tell of.
  if (changes_something(question.action)) {
    KACHERY_CO_TRY(services_.audit.ready());
  }
  const auto* key = std::get_if<SigningKey>(&visit.actor);
  if (services_.settings.open && key != nullptr && question.action != Action::register_node &&
      !services_.facts.now()->nodes.contains(key->node)) {
    KACHERY_CO_TRY(co_await register_at_open_hub(key->node, visit.now_ms));
  }
  const std::shared_ptr<const Facts> facts = services_.facts.now();
  Result<Permit> permit =
      authorize(*facts, visit.actor, question.action, question.zone ? &*question.zone : nullptr,
                question.channel ? &*question.channel : nullptr);
  record(visit, question, std::string(action_name(question.action)), permit ? nullptr : &permit.error());
  if (!permit) services_.metrics.denied(std::string(action_name(question.action)));
  if (permit) visit.admitted = question;
  co_return permit;
}

void Admission::refused(Visit& visit, const Error& error) {
  if (visit.admitted) {
    const std::string action(action_name(visit.admitted->action));
    record(visit, *visit.admitted, action, &error);
    return services_.metrics.denied(action);
  }
  const Question question{.action = visit.route->action};
  // The message about what was not understood quotes it, and that may be a secret in the wrong place. Whoever
  // sent it is told; nobody else is.
  const Error not_understood{error.code, "the request was not understood"};
  record(visit, question, visit.route->path, error.code == Code::denied ? &error : &not_understood);
}

Task<Result<>> Admission::register_at_open_hub(NodeId node, std::int64_t now_ms) {
  auto add = [this, node, now_ms] {
    return services_.catalog.people().add_node(node, user_at_open_hub(node), "", now_ms);
  };
  const Result<> added = co_await services_.loop.offload(std::move(add));
  // Another request of the same key may have been first.
  if (!added && added.error().code != Code::exists) co_return std::unexpected(added.error());
  co_return co_await services_.facts.refresh();
}

Result<> Admission::check_rates(Visit& visit, const Question& question) {
  const auto cost = static_cast<double>(question.things);
  const auto* key = std::get_if<SigningKey>(&visit.actor);
  if (key != nullptr) {
    const auto wait = services_.node_rates.take(key->node.hex(), cost, visit.now_ms);
    if (wait) return too_many(visit, "this node", *wait);
  }
  if (question.brings_code && key != nullptr) {
    const auto by_node = codes_of_nodes_.take(key->node.hex(), 1, visit.now_ms);
    const auto by_address = codes_of_addresses_.take(address_group(visit.head().peer), 1, visit.now_ms);
    if (const auto wait = std::max(by_node, by_address))
      return too_many(visit, "here that bring codes", *wait);
  }
  if (question.zone) {
    const auto wait = services_.zone_rates.take(question.zone->str(), cost, visit.now_ms);
    if (wait) return too_many(visit, "this zone", *wait);
  }
  return {};
}

void Admission::record(Visit& visit, const Question& question, std::string action, const Error* why) {
  visit.audited = true;
  services_.audit.record({.time_ms = visit.now_ms,
                          .request = visit.head().id,
                          .peer = visit.head().peer,
                          .actor = actor_text(visit.actor),
                          .action = std::move(action),
                          .zone = question.zone ? question.zone->str() : "",
                          .object = object_of(question),
                          .allowed = why == nullptr,
                          .why = why == nullptr ? "" : printable(why->message)});
}

}  // namespace kachery::hub
