#include "net/websocket.h"

#include <array>
#include <utility>

#include "core/text.h"
#include "net/websocket_state.h"

namespace kachery {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds kLingerTime{2};
constexpr ByteCount kLingerBytesMax = 16 << 20;
constexpr std::uint16_t kNotUtf8 = 1007;  // RFC 6455 section 7.4.1.

// That the peer closed, broke the protocol, or sent too much; then it has been told, in a farewell.
bool is_told_to_peer(error_code error) {
  return error.category() == make_error_code(websocket::error::closed).category();
}

Task<> cut_later(Loop& loop, std::weak_ptr<Link> weak) {
  co_await loop.sleep(kLingerTime);
  if (const std::shared_ptr<Link> link = weak.lock()) link->stream->abort();
}

// Waits for the peer to end the connection. Closed while bytes still come, it would be reset, and the
// farewell be lost with it.
Task<> linger(Loop& loop, std::shared_ptr<Link> link) {
  loop.spawn(cut_later(loop, link));
  std::array<std::byte, 4096> room{};
  bool has_more = true;
  for (ByteCount total = 0; has_more && total < kLingerBytesMax;) {
    Operation discarding([&](WhenDone done) { link->stream->start_discard(room, std::move(done)); });
    const IoOutcome outcome = co_await discarding;
    has_more = !outcome.error && outcome.bytes > 0;
    total += outcome.bytes;
  }
}

}  // namespace

WebSocket::State::State(Loop& used, std::shared_ptr<Link> given, const WebSocketLimits& limits)
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

Error WebSocket::State::error_of(error_code error) const {
  if (is_dead)
    return {Code::timed_out, "the peer of the WebSocket has not been heard of for " +
                                 std::to_string(silence_max.count()) + " ms"};
  if (error == beast::error::timeout)
    return {Code::timed_out, "the peer of the WebSocket has not answered in time"};
  if (error == websocket::error::closed) return {Code::unavailable, "the peer has closed the WebSocket"};
  if (error == websocket::error::message_too_big || error == websocket::error::buffer_overflow)
    return {Code::exhausted, "a message of the WebSocket is too long"};
  if (is_told_to_peer(error))
    return {Code::invalid, "the peer of the WebSocket broke the protocol: " + error.message()};
  return {Code::unavailable, "the connection of the WebSocket broke: " + error.message()};
}

bool WebSocket::State::is_silent() const {
  const auto since = steady_clock::now() - silence_max;
  return (is_receiving && link->heard_at <= since) || (is_sending && link->written_at <= since);
}

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

Task<> say_farewell(std::shared_ptr<WebSocket::State> state, std::uint16_t code, std::string reason) {
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

}  // namespace

std::unique_ptr<WebSocket> begin(const std::shared_ptr<WebSocket::State>& state) {
  state->loop.spawn(keep_alive(state->loop, state, state->ping_time));
  return std::make_unique<WebSocket>(state);
}

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
    if (is_told_to_peer(outcome.error) && !state->has_ended) {
      co_await linger(state->loop, state->link);
      state->has_ended = true;
    }
    co_return std::unexpected(state->error_of(outcome.error));
  }
  const asio::const_buffer content = state->buffer.cdata();
  WebSocketMessage message{state->socket.got_text(),
                           std::string(static_cast<const char*>(content.data()), content.size())};
  state->buffer.consume(state->buffer.size());
  if (message.is_text && !is_utf8(message.bytes)) {
    // Beast does not notice a text that ends inside a character if its last frame is empty.
    co_await say_farewell(state, kNotUtf8, "");
    co_return fail(Code::invalid, "the peer of the WebSocket broke the protocol: a text is not UTF-8");
  }
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
  co_await say_farewell(state_, code, std::move(reason));
}

std::optional<WebSocketClose> WebSocket::closed_by_peer() const {
  const websocket::close_reason& reason = state_->socket.reason();
  if (reason.code == websocket::close_code::none) return std::nullopt;
  return WebSocketClose{reason.code, {reason.reason.data(), reason.reason.size()}};
}

}  // namespace kachery
