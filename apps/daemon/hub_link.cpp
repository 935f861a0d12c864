#include "daemon/hub_link.h"

#include <fmt/format.h>

#include <cstdlib>

#include "core/text.h"
#include "daemon/reconnecting.h"
#include "net/signing.h"
#include "net/websocket_client.h"
#include "os/clock.h"
#include "wire/hub.h"
#include "wire/live.h"

namespace kachery::daemon {
namespace {

constexpr const char* kPath = "/v1/live";
constexpr const char* kSubprotocol = "kachery.1";

// A hub orders as many uploads as it is asked for; they wait here in their queue.
constexpr std::size_t kCallsMax = 1'000;

constexpr std::chrono::milliseconds kServeWait{20'000};
constexpr std::chrono::hours kEndWait{1};  // Waited for again and again.

// A clock that is off by less is good enough for every signature (net/signing.h).
constexpr std::int64_t kClockErrorMsMax = 60'000;

constexpr std::uint16_t kGoingAway = 1001;  // RFC 6455 section 7.4.1.

std::int64_t now_ms() {
  return system_clock().now_ns() / 1'000'000;
}

Result<WebSocketRequest> request_to(const Link& link, const Signer& signer) {
  KACHERY_TRY(proxy, proxy_of(link.url));
  WebSocketRequest request{.server = link.url, .path = kPath, .subprotocol = kSubprotocol};
  request.sign = [&signer, url = link.url](const HttpFields& upgrade) {
    const Signable signable{
        .method = Method::get, .path = kPath, .query = {}, .body = {}, .upgrade = upgrade};
    return sign_request(signer.key, url, signable, (now_ms() + signer.clock_offset_ms) / 1000);
  };
  request.proxy = std::move(proxy);
  return request;
}

// What the hub said instead of 101.
Error refusal_of(const ClientResponse& response, Signer& signer) {
  const Result<wire::Failure> failure = wire::parse<wire::Failure>(response.body);
  if (!failure)
    return {
        Code::unavailable,
        fmt::format("the hub's address answers with HTTP status {}, and not as a hub does", response.status)};
  const std::int64_t offset_ms = failure->now_ms - now_ms();
  if (std::abs(offset_ms - signer.clock_offset_ms) > kClockErrorMsMax) {
    signer.clock_offset_ms = offset_ms;
    return {Code::unavailable, failure->error.message + "; the next attempt goes by the hub's clock"};
  }
  return {failure->error.code, failure->error.message};
}

// The hub's sentence, and what can be done about it.
Error refused_to_serve(const Link& link, const Error& error) {
  const std::string said = printable(error.message);
  if (!link.offer.resource) return {error.code, said};
  const std::string name = link.offer.resource->str();
  switch (error.code) {
    case Code::not_found:
      return {error.code,
              fmt::format("the resource {} is not registered here: run kachery resource register {} ({})",
                          name, name, said)};
    case Code::exists:
      return {error.code,
              fmt::format("another daemon serves the resource {}; this one takes over when that one is "
                          "gone ({})",
                          name, said)};
    default:
      return {error.code, fmt::format("the resource {} is refused: {}", name, said)};
  }
}

Task<Result<std::string>> refuse(std::string method) {
  co_return fail(Code::invalid, "a daemon knows no call \"" + method + '"');
}

Task<Result<std::string>> take_notice(const Output& output, std::shared_ptr<IncomingCall> call) {
  KACHERY_CO_TRY(notice, wire::parse<wire::Notice>(call->message()));
  output.warn("The hub says: " + printable(notice.message));
  co_return wire::print(wire::Done{true});
}

Channel::Handler handler_of(const Link& link) {
  return [&provider = link.provider, &output = link.output](std::shared_ptr<IncomingCall> call) {
    if (call->method() == "have") return provider.have(std::move(call));
    if (call->method() == "upload") return provider.upload(std::move(call));
    if (call->method() == "notice") return take_notice(output, std::move(call));
    return refuse(call->method());
  };
}

// How a channel ends, for who waits for it.
struct ChannelEnd {
  explicit ChannelEnd(Loop& loop) : signal(loop) {}

  std::optional<Error> why;
  Signal signal;
};

Task<> run_channel(Channel& channel, ChannelEnd& end) {
  end.why = co_await channel.run();
  end.signal.notify();
}

Task<Result<wire::Serving>> serve(const Link& link, Channel& channel) {
  const wire::Serve message{link.offer.zone, link.offer.resource, "kachery " KACHERY_VERSION};
  OutgoingCall call{.method = "serve", .message = wire::print(message), .wait_max = kServeWait};
  const Result<std::string> answer = co_await channel.call(std::move(call));
  if (!answer) co_return std::unexpected(refused_to_serve(link, answer.error()));
  co_return wire::parse<wire::Serving>(*answer);
}

}  // namespace

Task<LinkEnd> serve_at_hub(const Link& link, Signer& signer) {
  Result<WebSocketRequest> request = request_to(link, signer);
  if (!request) co_return LinkEnd{request.error()};
  auto answer = co_await connect_websocket(link.loop, *std::move(request), WebSocketLimits());
  if (!answer) co_return LinkEnd{answer.error()};
  if (const auto* response = std::get_if<ClientResponse>(&*answer))
    co_return LinkEnd{refusal_of(*response, signer)};
  link.output.print("Connected");

  auto socket = std::get<std::unique_ptr<WebSocket>>(*std::move(answer));
  ChannelLimits limits;
  limits.calls_max = kCallsMax;
  Channel channel(link.loop, std::move(socket), handler_of(link), limits);
  ChannelEnd end(link.loop);
  link.loop.spawn(run_channel(channel, end));
  link.stopping.set([&channel] { channel.close(kGoingAway, "the daemon is being stopped"); });
  const Result<wire::Serving> serving = co_await serve(link, channel);
  if (serving) {
    link.output.print("Connection acknowledged by proxy server");
    if (serving->resource_url) link.output.print("Resource URL: " + printable(*serving->resource_url));
    link.on_served();
  } else {
    channel.close(kGoingAway, "it does not serve");
  }
  while (!end.why) co_await end.signal.wait(kEndWait);
  link.stopping.set(nullptr);
  link.output.print("Websocket closed.");
  co_return LinkEnd{serving ? *end.why : serving.error(), serving.has_value()};
}

}  // namespace kachery::daemon
