#include "hub/legacy/older_asking.h"

#include "core/text.h"
#include "os/random.h"

namespace kachery::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
namespace older = wire::legacy;

constexpr std::string_view kResourcePath = "/r/";
constexpr milliseconds kWaitMax{600'000};
// Clients of 0.3.x do not say how long the daemon may take; theirs took so long.
constexpr milliseconds kOldestWait{10'000};
constexpr std::size_t kShownMax = 100;
constexpr std::size_t kIdBytes = 16;

Response json_response(int status, std::string text) {
  Response response{.status = status};
  response.fields.add("Content-Type", "application/json");
  response.body = std::move(text);
  return response;
}

std::string shown(const std::string& text) {
  return printable(text.substr(0, kShownMax));
}

// Published clients want the envelope (R8).
Response envelope(json::Value response, wire::Omissible<std::string> error) {
  return json_response(200, wire::print(older::ResponseToClient{.request_id = random_hex(kIdBytes),
                                                                .response = std::move(response),
                                                                .error = std::move(error)}));
}

Response failure(std::string message) {
  return envelope(json::Object{}, std::move(message));
}

Response status_answer(const wire::AskState& state) {
  return envelope(wire::to_json(older::FileUploadResponse{.status = older::status_of(state)}), {});
}

Result<Digest> digest_of(const std::string& uri) {
  constexpr std::string_view kScheme = "sha1://";
  if (!uri.starts_with(kScheme)) return fail(Code::invalid, "not sha1");
  return Digest::parse(Algorithm::sha1, std::string_view(uri).substr(kScheme.size()));
}

// How long to wait, and whether it is an answer then that it goes on.
struct Patience {
  milliseconds wait;
  bool has_answer;
};

Patience patience_of(const older::RequestFromClient& request, const older::FileUploadRequest& inner) {
  const milliseconds whole = std::min(request.timeout_msec, kWaitMax);
  const milliseconds daemons = inner.timeout_msec.value_or(kOldestWait);
  return {std::min(whole, daemons), daemons <= whole || !inner.timeout_msec || whole == kWaitMax};
}

}  // namespace

Response older_refusal(int status, std::string message) {
  return json_response(status, wire::print(older::Refusal{std::move(message)}));
}

Response older_not_found(const std::string& name) {
  return older_refusal(404, "resource not found: " + shown(name));
}

std::expected<older::RequestFromClient, Response> parse_older_request(const std::string& path,
                                                                      const std::string& body) {
  Result<older::RequestFromClient> request = wire::parse<older::RequestFromClient>(body);
  if (!request) return std::unexpected(older_refusal(400, "invalid request"));
  if (request->request_id) return std::unexpected(older_refusal(400, "requestId field not allowed"));
  if (path.starts_with(kResourcePath)) {
    const std::string name = path.substr(kResourcePath.size());
    if (name != request->resource_name)
      return std::unexpected(older_refusal(
          500, "Resource name mismatch: " + shown(name) + " <> " + shown(request->resource_name)));
  }
  return *std::move(request);
}

Task<Response> answer_older_ask(Rendezvous& rendezvous, FindSize find_size, OlderAsk ask) {
  const auto inner = wire::from_json<older::FileUploadRequest>(ask.request.request, "request");
  if (!inner) co_return failure("Invalid kachery resource request");
  const Result<Digest> digest = digest_of(inner->uri);
  if (!digest) co_return failure("Error handling request: Invalid URI");
  if (find_size) {
    Reader of_zone{.zone = true};
    const Result<std::optional<ByteCount>> size =
        co_await find_size(ask.resource.zone, std::move(of_zone), *digest);
    if (!size) co_return failure(size.error().message);
    if (*size) co_return status_answer({.state = wire::kCompleted, .size = *size, .bytes_uploaded = *size});
  }
  const Result<std::shared_ptr<Order>> order = rendezvous.orders.ask(ask.resource, *digest, ask.asker);
  if (!order && order.error().code == Code::unavailable) co_return older_not_found(ask.resource.name.str());
  if (!order) co_return failure(order.error().message);

  const Patience patience = patience_of(ask.request, *inner);
  const auto until = steady_clock::now() + patience.wait;
  ++rendezvous.asks_waiting;
  while (!(*order)->has_ended() && !rendezvous.is_stopping && steady_clock::now() < until)
    co_await (*order)->changed().wait(std::chrono::ceil<milliseconds>(until - steady_clock::now()));
  --rendezvous.asks_waiting;
  if (!(*order)->has_ended() && rendezvous.is_stopping)
    co_return older_refusal(503, "the proxy is started again; ask again");
  if (!(*order)->has_ended() && !patience.has_answer)
    co_return older_refusal(504, "timeout waiting for response");
  co_return status_answer((*order)->state());
}

}  // namespace kachery::hub
