// WebSocket: messages both ways over one connection, of a server (Request::upgrade) or a client
// (connect_websocket). RFC 6455.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/bytes.h"
#include "net/loop.h"

namespace kachery {

struct WebSocketLimits {
  ByteCount message_bytes_max = 1 << 20;  // Nothing is ever compressed, so this is what a message costs.
  std::chrono::milliseconds ping_time{15'000};
  std::chrono::milliseconds silence_max{45'000};         // Then the peer is dead.
  std::chrono::milliseconds handshake_wait_max{10'000};  // For a farewell, and a client's connection, too.
};

struct WebSocketMessage {
  bool is_text = true;  // Text is UTF-8; what comes was checked.
  std::string bytes = {};
};

struct WebSocketClose {
  std::uint16_t code;  // RFC 6455 section 7.4.
  std::string reason;
};

// Network thread only. One receive() and one send() may wait at a time. Destroyed without close(), the
// connection is cut.
class WebSocket {
 public:
  struct State;

  explicit WebSocket(std::shared_ptr<State> state);  // Inside net.
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;
  ~WebSocket();

  // The next message. Code::unavailable if the peer has closed or gone, Code::timed_out if it is dead,
  // Code::exhausted if its message is too long, Code::invalid if it broke the protocol; then it is over. A
  // peer that is told so has up to 2 s to end the connection.
  Task<Result<WebSocketMessage>> receive();
  // Until it is handed to the kernel. Code::unavailable, Code::timed_out.
  Task<Result<>> send(WebSocketMessage message);
  // Says farewell, and waits for the answer. 1000 is the ordinary code; `reason` has at most 123 bytes.
  // Nobody may be in send().
  Task<> close(std::uint16_t code, std::string reason);

  // What the peer said when it closed.
  std::optional<WebSocketClose> closed_by_peer() const;

 private:
  std::shared_ptr<State> state_;  // Owned by this and by the operations under way.
};

}  // namespace kachery
