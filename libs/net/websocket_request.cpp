#include "core/text.h"
#include "net/websocket_handshake.h"
#include "net/websocket_state.h"

namespace kachery {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

namespace {

// Adds to the request what Beast knows nothing of; the key is in it already.
void add_fields(websocket::request_type& sent, const WebSocketRequest& request) {
  sent.set(beast::http::field::user_agent, "kachery");  // Beast would name itself and its version.
  HttpFields covered;
  covered.add("sec-websocket-key", std::string(sent[beast::http::field::sec_websocket_key]));
  if (!request.subprotocol.empty()) {
    sent.set(beast::http::field::sec_websocket_protocol, request.subprotocol);
    covered.add("sec-websocket-protocol", request.subprotocol);
  }
  for (const HttpField& field : request.fields) sent.insert(field.name, field.value);
  if (!request.sign) return;
  for (const HttpField& field : request.sign(covered)) sent.insert(field.name, field.value);
}

ClientResponse refusal_of(websocket::response_type answer) {
  ClientResponse refusal{static_cast<int>(answer.result_int()), {}, {}};
  for (const auto& field : answer)
    refusal.fields.add(std::string(field.name_string()), std::string(field.value()));
  refusal.body = std::move(answer.body());
  return refusal;
}

}  // namespace

Task<Result<WebSocketAnswer>> request_websocket(Loop& loop, std::shared_ptr<Stream> stream,
                                                const WebSocketRequest& request, WebSocketLimits limits) {
  const auto state = std::make_shared<WebSocket::State>(
      loop, std::make_shared<Link>(Link{.stream = std::move(stream)}), limits);
  const auto decorate = [&request](websocket::request_type& sent) { add_fields(sent, request); };
  state->socket.set_option(websocket::stream_base::decorator(decorate));
  const std::string target =
      request.server.prefix + request.path + (request.query.empty() ? "" : "?" + request.query);
  websocket::response_type answer;
  Operation asking([&](WhenDone done) {
    state->socket.async_handshake(
        answer, request.server.authority(), target,
        [done = std::move(done), state](error_code error) mutable { done({error, 0}); });
  });
  const IoOutcome outcome = co_await asking;
  if (outcome.error == websocket::error::upgrade_declined) co_return refusal_of(std::move(answer));
  const auto failed = [&](const Error& why) {
    state->link->stream->abort();
    return fail(why.code, "no WebSocket with " + request.server.str() + request.path + ": " + why.message);
  };
  if (outcome.error) co_return failed(state->error_of(outcome.error));
  const std::string_view taken = answer[beast::http::field::sec_websocket_protocol];
  if (taken != request.subprotocol)
    co_return failed({Code::invalid, "the server takes the subprotocol '" + printable(taken) + "' where '" +
                                         request.subprotocol + "' was offered"});
  // RFC 6455 section 4.1: nobody knows what the frames then mean.
  if (answer.count(beast::http::field::sec_websocket_extensions) > 0)
    co_return failed({Code::invalid, "the server takes an extension where none was offered"});
  co_return begin(state);
}

}  // namespace kachery
