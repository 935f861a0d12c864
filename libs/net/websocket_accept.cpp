#include <boost/beast/http/empty_body.hpp>

#include "net/websocket_handshake.h"
#include "net/websocket_state.h"

namespace kachery {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

Task<Result<std::unique_ptr<WebSocket>>> accept_websocket(Loop& loop, std::shared_ptr<Stream> stream,
                                                          const RequestHead& head, std::string subprotocol,
                                                          WebSocketLimits limits) {
  beast::http::request<beast::http::empty_body> request;
  request.version(11);
  request.method(beast::http::verb::get);
  request.target(head.path);
  for (const HttpField& field : head.fields) request.insert(field.name, field.value);
  const auto state = std::make_shared<WebSocket::State>(
      loop, std::make_shared<Link>(Link{.stream = std::move(stream)}), limits);
  const auto decorate = [subprotocol](websocket::response_type& response) {
    response.set(beast::http::field::server, "kachery");  // Beast would name itself and its version.
    if (!subprotocol.empty()) response.set(beast::http::field::sec_websocket_protocol, subprotocol);
  };
  state->socket.set_option(websocket::stream_base::decorator(decorate));
  Operation accepting([&](WhenDone done) {
    state->socket.async_accept(
        request, [done = std::move(done), state](error_code error) mutable { done({error, 0}); });
  });
  const IoOutcome outcome = co_await accepting;
  if (outcome.error) co_return std::unexpected(state->error_of(outcome.error));
  co_return begin(state);
}

}  // namespace kachery
