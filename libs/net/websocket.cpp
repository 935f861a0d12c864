#include "net/websocket.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <utility>

#include "core/text.h"
#include "net/websocket_handshake.h"

namespace kachery {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

// A connection as Beast's operations share it: each owns it until it has ended.
struct Link {
  std::shared_ptr<Stream> stream;            // Owned by a server's connection, too.
  steady_clock::time_point heard_at = {};    // When bytes last came.
  steady_clock::time_point written_at = {};  // When bytes last went.
};

// Our Stream as Beast wants one (AsyncStream).
class LinkStream {
 public:
  using executor_type = asio::io_context::executor_type;

  LinkStream(asio::io_context& context, std::shared_ptr<Link> link)
      : executor_(context.get_executor()), link_(std::move(link)) {}

  executor_type get_executor() const noexcept { return executor_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const auto start = [link = link_](auto handler, const Buffers& into) {
      asio::mutable_buffer first;
      for (auto buffer = asio::buffer_sequence_begin(into); buffer != asio::buffer_sequence_end(into);
           ++buffer)
        if (first.size() == 0) first = *buffer;
      auto done = [link, handler = std::move(handler)](IoOutcome outcome) mutable {
        link->heard_at = steady_clock::now();
        if (!outcome.error && outcome.bytes == 0) outcome.error = asio::error::eof;
        std::move(handler)(outcome.error, outcome.bytes);
      };
      link->stream->start_read({static_cast<std::byte*>(first.data()), first.size()}, std::move(done));
    };
    return asio::async_initiate<Token, void(error_code, std::size_t)>(start, token, buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    const auto start = [link = link_](auto handler, const Buffers& from) {
      Pieces pieces;
      std::size_t count = 0;
      for (auto it = asio::buffer_sequence_begin(from); it != asio::buffer_sequence_end(from); ++it) {
        const asio::const_buffer buffer = *it;
        if (buffer.size() == 0 || count == pieces.size()) continue;
        pieces.at(count++) = {static_cast<const std::byte*>(buffer.data()), buffer.size()};
      }
      auto done = [link, handler = std::move(handler)](IoOutcome outcome) mutable {
        link->written_at = steady_clock::now();
        std::move(handler)(outcome.error, outcome.bytes);
      };
      link->stream->start_write(pieces, std::move(done));
    };
    return asio::async_initiate<Token, void(error_code, std::size_t)>(start, token, buffers);
  }

  // Beast finds these two by their names.
  friend void beast_close_socket(LinkStream& stream) { stream.link_->stream->abort(); }
  template <class Handler>
  friend void async_teardown(beast::role_type, LinkStream& stream, Handler&& handler) {
    auto done = [link = stream.link_, handler = std::decay_t<Handler>(std::forward<Handler>(handler))](
                    IoOutcome outcome) mutable { std::move(handler)(outcome.error); };
    stream.link_->stream->start_shut_down(std::move(done));
  }

 private:
  executor_type executor_;
  std::shared_ptr<Link> link_;
};

}  // namespace

struct WebSocket::State {
  State(Loop& used, std::shared_ptr<Link> given, const WebSocketLimits& limits)
      : loop(used),
        link(std::move(given)),
        socket(used.context(), link),
        ping_time(limits.ping_time),
        silence_max(limits.silence_max) {
    socket.read_message_max(limits.message_bytes_max);
    socket.auto_fragment(false);
    // Pings are ours: Beast knows no pings without an end after twice their time.
    socket.set_option(
        websocket::stream_base::timeout{limits.handshake_wait_max, websocket::stream_base::none(), false});
  }

  Error error_of(error_code error) const {
    if (is_dead)
      return {Code::timed_out, "the peer of the WebSocket has not been heard of for " +
                                   std::to_string(silence_max.count()) + " ms"};
    if (error == beast::error::timeout)
      return {Code::timed_out, "the peer of the WebSocket has not answered in time"};
    if (error == websocket::error::closed) return {Code::unavailable, "the peer has closed the WebSocket"};
    if (error == websocket::error::message_too_big || error == websocket::error::buffer_overflow)
      return {Code::exhausted, "a message of the WebSocket is too long"};
    if (error.category() == make_error_code(websocket::error::closed).category())
      return {Code::invalid, "the peer of the WebSocket broke the protocol: " + error.message()};
    return {Code::unavailable, "the connection of the WebSocket broke: " + error.message()};
  }

  // While nobody waits for the peer, its silence says nothing.
  bool is_silent() const {
    const auto since = steady_clock::now() - silence_max;
    return (is_receiving && link->heard_at <= since) || (is_sending && link->written_at <= since);
  }

  Loop& loop;
  std::shared_ptr<Link> link;
  websocket::stream<LinkStream, false> socket;
  beast::flat_buffer buffer;
  std::chrono::milliseconds ping_time;
  std::chrono::milliseconds silence_max;
  bool is_receiving = false;
  bool is_sending = false;
  bool is_pinging = false;
  bool is_dead = false;
  bool has_ended = false;
};

namespace {

// Asks the peer from time to time whether it is there, and cuts a connection that is not.
Task<> keep_alive(Loop& loop, std::weak_ptr<WebSocket::State> weak, std::chrono::milliseconds time) {
  for (;;) {
    co_await loop.sleep(time);
    const std::shared_ptr<WebSocket::State> state = weak.lock();
    if (!state || state->has_ended) co_return;
    if (state->is_silent()) {
      state->is_dead = true;
      state->link->stream->abort();
      co_return;
    }
    if (state->is_pinging) continue;
    state->is_pinging = true;
    state->socket.async_ping({}, [state](error_code) { state->is_pinging = false; });
  }
}

std::unique_ptr<WebSocket> begin(const std::shared_ptr<WebSocket::State>& state) {
  state->loop.spawn(keep_alive(state->loop, state, state->ping_time));
  return std::make_unique<WebSocket>(state);
}

}  // namespace

WebSocket::WebSocket(std::shared_ptr<State> state) : state_(std::move(state)) {}

WebSocket::~WebSocket() {
  if (!state_->has_ended || state_->is_pinging) state_->link->stream->abort();
  state_->has_ended = true;
}

Task<Result<WebSocketMessage>> WebSocket::receive() {
  const std::shared_ptr<State> state = state_;
  KACHERY_ASSERT(!state->is_receiving);
  state->is_receiving = true;
  state->link->heard_at = steady_clock::now();
  Operation reading([&](WhenDone done) {
    state->socket.async_read(state->buffer,
                             [done = std::move(done), state](error_code error, std::size_t bytes) mutable {
                               done({error, bytes});
                             });
  });
  const IoOutcome outcome = co_await reading;
  state->is_receiving = false;
  if (outcome.error) {
    state->has_ended = state->has_ended || outcome.error == websocket::error::closed;
    co_return std::unexpected(state->error_of(outcome.error));
  }
  const asio::const_buffer content = state->buffer.cdata();
  WebSocketMessage message{state->socket.got_text(),
                           std::string(static_cast<const char*>(content.data()), content.size())};
  state->buffer.consume(state->buffer.size());
  co_return message;
}

Task<Result<>> WebSocket::send(WebSocketMessage message) {
  const std::shared_ptr<State> state = state_;
  KACHERY_ASSERT(!state->is_sending);
  state->is_sending = true;
  state->link->written_at = steady_clock::now();
  state->socket.text(message.is_text);
  Operation writing([&](WhenDone done) {
    state->socket.async_write(asio::buffer(message.bytes),
                              [done = std::move(done), state](error_code error, std::size_t bytes) mutable {
                                done({error, bytes});
                              });
  });
  const IoOutcome outcome = co_await writing;
  state->is_sending = false;
  if (outcome.error) co_return std::unexpected(state->error_of(outcome.error));
  co_return Result<>();
}

Task<> WebSocket::close(std::uint16_t code, std::string reason) {
  const std::shared_ptr<State> state = state_;
  if (std::exchange(state->has_ended, true)) co_return;
  KACHERY_ASSERT(reason.size() <= 123);
  const websocket::close_reason why(static_cast<websocket::close_code>(code), reason);
  Operation closing([&](WhenDone done) {
    state->socket.async_close(
        why, [done = std::move(done), state](error_code error) mutable { done({error, 0}); });
  });
  const IoOutcome outcome = co_await closing;
  if (outcome.error) state->link->stream->abort();
}

std::optional<WebSocketClose> WebSocket::closed_by_peer() const {
  const websocket::close_reason& reason = state_->socket.reason();
  if (reason.code == websocket::close_code::none) return std::nullopt;
  return WebSocketClose{reason.code, {reason.reason.data(), reason.reason.size()}};
}

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
  co_return begin(state);
}

}  // namespace kachery
