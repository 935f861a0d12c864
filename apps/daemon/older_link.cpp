#include "daemon/older_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "core/text.h"
#include "daemon/reconnecting.h"
#include "net/websocket_client.h"
#include "wire/legacy/proxy.h"

namespace kachery::daemon {
namespace {

namespace legacy = wire::legacy;
using std::chrono::milliseconds;

// gen2 section 5.
constexpr milliseconds kFirstPing{10'000};
constexpr milliseconds kPingEvery{20'000};
constexpr milliseconds kWaitWithoutTimeout{10'000};  // Of clients of 0.3.x.

constexpr milliseconds kAcknowledgeWait{20'000};
constexpr milliseconds kTellOfEnd{3'000};
constexpr milliseconds kAnswerWaitMax{3'600'000};  // No client waits longer for one answer.
constexpr std::size_t kRequestsMax = 1'000;        // At a time.
constexpr std::size_t kMessagesMax = 2'000;        // That wait to be sent: one for each request, and pings.
constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kProtocolError = 1002;

// The connection, as its tasks share it; they end by themselves when it has.
struct Shared {
  Shared(const Link& used, OlderUploads& kept, std::unique_ptr<WebSocket> connected)
      : link(used), uploads(kept), socket(std::move(connected)), ended(used.loop) {}

  const Link link;
  OlderUploads& uploads;
  std::unique_ptr<WebSocket> socket;
  std::deque<std::string> queue;
  bool is_writing = false;
  bool is_acknowledged = false;
  bool has_ended = false;
  Signal ended;
  std::map<std::string, Signal*> requests;  // Those that wait for an answer.
};

Task<> write_all(std::shared_ptr<Shared> shared) {
  while (!shared->has_ended && !shared->queue.empty()) {
    WebSocketMessage message{.is_text = true, .bytes = std::move(shared->queue.front())};
    shared->queue.pop_front();
    static_cast<void>(co_await shared->socket->send(std::move(message)));
  }
  shared->is_writing = false;
}

void send(const std::shared_ptr<Shared>& shared, std::string message) {
  if (shared->has_ended || shared->queue.size() >= kMessagesMax) return;
  shared->queue.push_back(std::move(message));
  if (!std::exchange(shared->is_writing, true)) shared->link.loop.spawn(write_all(shared));
}

// It is cut if the proxy stays silent.
Task<> expect_acknowledge(std::shared_ptr<Shared> shared) {
  co_await shared->ended.wait(kAcknowledgeWait);
  if (!shared->is_acknowledged) shared->socket.reset();
}

Task<> ping(std::shared_ptr<Shared> shared) {
  co_await shared->ended.wait(kFirstPing);
  while (!shared->has_ended) {
    send(shared, wire::print(legacy::Ping{}));
    co_await shared->ended.wait(kPingEvery);
  }
}

// The digest and the time that are asked for; an error is what older daemons say.
struct Question {
  Digest digest;
  milliseconds wait;
};

Result<Question> question_of(const Link& link, const legacy::RequestFromClient& request) {
  const std::string zone = link.offer.zone.str();
  if (request.resource_name != link.offer.resource->str() || request.zone.value_or(zone) != zone)
    return fail(Code::denied,
                "this daemon serves the resource " + link.offer.resource->str() + " of the zone " + zone);
  const auto asked = wire::from_json<legacy::FileUploadRequest>(request.request, "request");
  if (!asked) return fail(Code::invalid, "Invalid kachery resource request");
  constexpr std::string_view kScheme = "sha1://";
  Result<Digest> digest = fail(Code::invalid, "");
  if (asked->uri.starts_with(kScheme))
    digest = Digest::parse(Algorithm::sha1, std::string_view(asked->uri).substr(kScheme.size()));
  if (!digest) return fail(Code::invalid, "Error handling request: Invalid URI");
  return Question{*digest, std::min(asked->timeout_msec.value_or(kWaitWithoutTimeout), kAnswerWaitMax)};
}

void respond(const std::shared_ptr<Shared>& shared, const std::string& id, const wire::AskState& state) {
  const legacy::FileUploadResponse response{.status = legacy::status_of(state)};
  send(shared, wire::print(legacy::ResponseToClient{
                   .request_id = id, .response = wire::to_json(response), .error = {}}));
}

// Answers when the upload has ended, or the time is over.
Task<> answer(std::shared_ptr<Shared> shared, std::string id, Question question) {
  if (const auto ended = shared->uploads.ended(question.digest)) {
    respond(shared, id, *ended);
    co_return;
  }
  Signal changed(shared->link.loop);
  const auto interest = shared->link.provider.ask({question.digest}, std::nullopt, changed);
  shared->uploads.keep(question.digest);
  shared->requests.emplace(id, &changed);
  const auto deadline = std::chrono::steady_clock::now() + question.wait;
  while (!wire::is_final(interest->state()) && shared->requests.contains(id)) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) break;
    co_await changed.wait(left);
  }
  if (shared->requests.erase(id) == 0) co_return;  // Taken back.
  respond(shared, id, interest->state());
}

void refuse(const std::shared_ptr<Shared>& shared, const std::string& id, const std::string& why) {
  send(shared,
       wire::print(legacy::ResponseToClient{.request_id = id, .response = json::Object(), .error = why}));
}

void take_request(const std::shared_ptr<Shared>& shared, const legacy::RequestFromClient& request) {
  if (!request.request_id) {
    shared->link.output.warn("The proxy sent a request without an ID, which cannot be answered.");
    return;
  }
  const std::string& id = *request.request_id;
  if (shared->requests.contains(id) || shared->requests.size() >= kRequestsMax)
    return refuse(shared, id, "too many requests at a time; ask again");
  const Result<Question> question = question_of(shared->link, request);
  if (!question) return refuse(shared, id, question.error().message);
  shared->link.loop.spawn(answer(shared, id, *question));
}

void take(const std::shared_ptr<Shared>& shared, const WebSocketMessage& message) {
  const auto parsed = legacy::parse_from_proxy(message.bytes);
  if (!parsed) {
    shared->link.output.warn("Unexpected message from the proxy: " + printable(parsed.error().message));
  } else if (const auto* request = std::get_if<legacy::RequestFromClient>(&*parsed)) {
    take_request(shared, *request);
  } else if (const auto* cancel = std::get_if<legacy::CancelRequestFromClient>(&*parsed)) {
    const auto found = shared->requests.find(cancel->request_id);
    if (found == shared->requests.end()) return;
    Signal* waiting = found->second;
    shared->requests.erase(found);
    waiting->notify();
  }
}

// What older proxies close without a word for.
Error unexplained(const Error& error) {
  return {
      error.code,
      error.message + ". Older proxies do not say why: a wrong proxySecret, or another daemon of this name"};
}

Task<Result<>> begin(const std::shared_ptr<Shared>& shared, const Secret& proxy_secret) {
  const Offer& offer = shared->link.offer;
  legacy::Initialize initialize{.resource_name = offer.resource->str(),
                                .zone = offer.zone.str(),
                                .proxy_secret = Secret(proxy_secret.bytes())};
  WebSocketMessage first{.is_text = true, .bytes = wire::print(initialize)};
  shared->is_writing = true;
  const Result<> sent = co_await shared->socket->send(std::move(first));
  shared->is_writing = false;
  if (!sent || shared->has_ended) co_return fail(Code::unavailable, "the connection ended at once");
  shared->link.loop.spawn(expect_acknowledge(shared));
  const Result<WebSocketMessage> answered = co_await shared->socket->receive();
  if (!answered) co_return std::unexpected(unexplained(answered.error()));
  const auto parsed = legacy::parse_from_proxy(answered->bytes);
  shared->is_acknowledged = parsed && std::holds_alternative<legacy::Acknowledge>(*parsed);
  if (shared->is_acknowledged) co_return Result<>();
  co_await shared->socket->close(kProtocolError, "an acknowledgement was due");
  co_return fail(Code::invalid,
                 "the proxy began with something else than an acknowledgement; it is no proxy");
}

Task<> say_farewell(std::shared_ptr<Shared> shared) {
  co_await shared->socket->close(kGoingAway, "the daemon is being stopped");
}

// Only when nothing is being sent may a farewell be said; otherwise the connection is cut.
void stop(const std::shared_ptr<Shared>& shared) {
  shared->has_ended = true;
  if (shared->is_writing) {
    shared->socket.reset();
  } else {
    shared->is_writing = true;
    shared->link.loop.spawn(say_farewell(shared));
  }
}

}  // namespace

void OlderUploads::keep(const Digest& digest) {
  if (kept_.try_emplace(digest).second) loop_.spawn(hold(digest));
}

std::optional<wire::AskState> OlderUploads::ended(const Digest& digest) const {
  const auto found = kept_.find(digest);
  return found == kept_.end() ? std::nullopt : found->second;
}

Task<> OlderUploads::hold(Digest digest) {
  Signal changed(loop_);
  const auto interest = provider_.ask({digest}, std::nullopt, changed);
  while (!wire::is_final(interest->state())) co_await changed.wait(kAnswerWaitMax);
  if (interest->state().state == wire::kCompleted) {
    kept_.at(digest) = interest->state();
    co_await loop_.sleep(kTellOfEnd);
  }
  kept_.erase(digest);
}

Task<LinkEnd> serve_at_older_proxy(const Link& link, const Secret& proxy_secret, OlderUploads& uploads) {
  KACHERY_ASSERT(link.offer.resource);
  const Result<std::optional<Url>> proxy = proxy_of(link.url);
  if (!proxy) co_return LinkEnd{proxy.error()};
  Url server = link.url;
  const std::string path = server.prefix.empty() ? "/" : std::exchange(server.prefix, "");
  WebSocketRequest request{.server = std::move(server), .path = path, .proxy = *proxy};
  auto connected = co_await connect_websocket(link.loop, std::move(request), WebSocketLimits());
  if (!connected) co_return LinkEnd{connected.error()};
  if (const auto* response = std::get_if<ClientResponse>(&*connected))
    co_return LinkEnd{
        {Code::unavailable, fmt::format("the proxy answers with HTTP status {} where a WebSocket was "
                                        "asked for; is this its address?",
                                        response->status)}};
  link.output.print("Connected");
  auto socket = std::get<std::unique_ptr<WebSocket>>(*std::move(connected));
  const auto shared = std::make_shared<Shared>(link, uploads, std::move(socket));
  link.stopping.set([shared] { stop(shared); });

  const Result<> begun = co_await begin(shared, proxy_secret);
  std::optional<Error> why;
  if (begun) {
    link.output.print("Connection acknowledged by proxy server");
    link.output.print("Resource URL: " + link.url.str() + "/r/" + link.offer.resource->str());
    link.on_served();
    link.loop.spawn(ping(shared));
  } else {
    why = begun.error();
  }
  while (!why) {
    const Result<WebSocketMessage> message = co_await shared->socket->receive();
    if (!message) {
      why = message.error();
    } else {
      take(shared, *message);
    }
  }
  shared->has_ended = true;
  shared->ended.notify();
  link.stopping.set(nullptr);
  link.output.print("Websocket closed.");
  co_return LinkEnd{*why, begun.has_value()};
}

}  // namespace kachery::daemon
