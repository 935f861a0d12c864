// Routes: what can be asked of a hub, as data; and how a request becomes a message, and a reply an answer.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hub/gateway/answers.h"
#include "hub/gateway/shared.h"
#include "wire/channels.h"
#include "wire/files.h"
#include "wire/sizes.h"

namespace kachery::hub {

// Whose token a route takes instead of a signature.
enum class Bearer { none, administrator, metrics };

struct Route {
  Method method;
  std::string path;  // The whole path; or, if it ends with "/" and is more than that, what it begins with.
  Action action;     // The least that it takes: a message may ask for more (question_of).
  Bearer bearer = Bearer::none;
  // Asks Admission for the Permit that whatever answers is called with. Shared and visit belong to the
  // caller, who waits.
  std::function<Task<Result<Response>>(Shared& shared, Visit& visit)> serve;
};

// Immutable, after it was made.
class RouteTable {
 public:
  explicit RouteTable(std::vector<Route> routes) : routes_(std::move(routes)) {}

  // Null: there is no such path; or, if `allowed` is not empty, it is there with these methods only. What
  // can be got can be asked for by HEAD.
  const Route* find(Method method, const std::string& path, std::string& allowed) const;
  const std::vector<Route>& all() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

// Of all families.
RouteTable all_routes();

// The whole body, if it is the one that was signed. Code::denied; Code::invalid with status 413 if it is
// longer than `size_max`. Large bodies take turns. `visit` belongs to the caller, who waits.
Task<Result<std::string>> read_whole(Shared& shared, Turns& turns, Visit& visit, ByteCount size_max);

// --- What a message asks for

// For the audit log: the one thing, or how many.
template <class Thing>
std::string object_named(const std::vector<Thing>& things) {
  if (things.size() != 1) return std::to_string(things.size());
  if constexpr (std::same_as<Thing, Digest>)
    return std::string(algorithm_name(things[0].algorithm())) + ":" + things[0].hex();
  else if constexpr (requires { things[0].digest; })
    return object_named(std::vector<Digest>{things[0].digest});
  else
    return "1";
}

// By the members that all messages call the same.
template <class Message>
Question question_of(Action least, const Message& message) {
  Question question{.action = least};
  if constexpr (requires {
                  { message.zone } -> std::convertible_to<ZoneName>;
                })
    question.zone = message.zone;

  const auto count = [&question](const auto& things) {
    question.things = std::max<std::size_t>(1, things.size());
    question.object = object_named(things);
  };
  if constexpr (requires { message.digests; }) count(message.digests);
  if constexpr (requires { message.files; }) count(message.files);
  if constexpr (requires { message.chunks; }) count(message.chunks);
  if constexpr (requires { message.uploads; }) count(message.uploads);
  if constexpr (requires { message.ids; }) count(message.ids);
  if constexpr (requires {
                  { message.name } -> std::convertible_to<ResourceName>;
                })
    question.object = message.name.str();
  if constexpr (requires {
                  { message.name } -> std::convertible_to<ChannelName>;
                })
    question.channel = message.name;
  if constexpr (requires { message.channel; }) question.channel = message.channel;
  if constexpr (requires { message.digest; })
    question.object = object_named(std::vector<Digest>{message.digest});
  if constexpr (requires { message.resource; }) {
    if (message.resource) question.object = message.resource->str() + " " + question.object;
    if (!message.resource) question.action = Action::ask_channels;
  }
  if constexpr (requires {
                  { message.user } -> std::convertible_to<UserName>;
                })
    question.object = message.user.str();
  if constexpr (requires {
                  { message.node } -> std::convertible_to<NodeId>;
                })
    question.object = message.node.hex();

  if constexpr (std::same_as<Message, wire::JoinChannel>) question.brings_code = message.code.has_value();
  if constexpr (std::same_as<Message, wire::ListChannels>)
    if (message.all) question.action = Action::see_all_channels;
  if constexpr (std::same_as<Message, wire::ListFiles>)
    if (!message.mine) question.action = Action::list_all;
  if constexpr (std::same_as<Message, wire::RemoveFiles>)
    if (message.everybody) question.action = Action::remove_all;
  return question;
}

// --- From a handler to a route

template <class Message, class Reply>
using Handler = Task<Result<Reply>> (*)(Call call, Message message);

template <class Reply>
Task<Result<Response>> print_reply(Shared& shared, Reply reply, bool large) {
  if constexpr (std::same_as<Reply, Response>) {
    co_return std::move(reply);
  } else {
    auto print = [&reply] { return wire::print(reply); };
    if (!large) co_return json_answer(print());
    std::string text = co_await shared.services.loop.offload(std::move(print));
    co_return json_answer(std::move(text));
  }
}

template <class Message, class Reply>
Task<Result<Response>> serve_message(Shared& shared, Visit& visit, Action action,
                                     Handler<Message, Reply> handler) {
  KACHERY_CO_TRY(body, co_await read_whole(shared, shared.large_messages, visit, wire::kJsonBodyBytes));
  auto parse = [&body] { return wire::parse<Message>(body); };
  Result<Message> message = fail(Code::internal, "not parsed");
  if (body.size() > kInlineBytes) {
    message = co_await shared.services.loop.offload(std::move(parse));
  } else {
    message = parse();
  }
  if (!message) co_return std::unexpected(std::move(message).error());

  const Question question = question_of(action, *message);
  KACHERY_CO_TRY(permit, co_await shared.admission.admit(visit, question));
  const Call call{shared, permit, visit.head(), visit.now_ms};
  KACHERY_CO_TRY(reply, co_await handler(call, *std::move(message)));
  co_return co_await print_reply(shared, std::move(reply), question.things > kInlineThings);
}

template <class Reply>
Task<Result<Response>> serve_plain(Shared& shared, Visit& visit, Action action,
                                   Task<Result<Reply>> (*handler)(Call call)) {
  KACHERY_CO_TRY(body, co_await read_whole(shared, shared.large_messages, visit, 0));
  const Question question{.action = action};
  KACHERY_CO_TRY(permit, co_await shared.admission.admit(visit, question));
  const Call call{shared, permit, visit.head(), visit.now_ms};
  KACHERY_CO_TRY(reply, co_await handler(call));
  co_return co_await print_reply(shared, std::move(reply), false);
}

// A POST of a message.
template <class Message, class Reply>
Route message_route(std::string path, Action action, Handler<Message, Reply> handler,
                    Bearer bearer = Bearer::none) {
  return {Method::post, std::move(path), action, bearer, [action, handler](Shared& shared, Visit& visit) {
            return serve_message<Message, Reply>(shared, visit, action, handler);
          }};
}

// A GET.
template <class Reply>
Route plain_route(std::string path, Action action, Task<Result<Reply>> (*handler)(Call call),
                  Bearer bearer = Bearer::none) {
  return {Method::get, std::move(path), action, bearer, [action, handler](Shared& shared, Visit& visit) {
            return serve_plain<Reply>(shared, visit, action, handler);
          }};
}

}  // namespace kachery::hub
