// Server: HTTP/1.1 and WebSocket, plain or through TLS. RFC 9112, RFC 6455.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/secret.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/websocket.h"

namespace kachery {

// Bytes of an answer that are made while they are sent.
class Body {
 public:
  virtual ~Body() = default;

  // How many in all; none: until they end (chunked).
  virtual std::optional<ByteCount> size() const = 0;
  // The next ones, valid until the next call; empty at the end. After a failure the connection is cut, so
  // that nobody takes what was sent for the whole.
  virtual Task<Result<ByteView>> next() = 0;
};

// The status of a request that became a WebSocket.
constexpr int kSwitchingProtocols = 101;

struct Response {
  int status = 200;
  HttpFields fields = {};
  std::variant<std::string, std::unique_ptr<Body>> body = {};
};

// One request while it is handled; it belongs to the server.
class Request {
 public:
  virtual ~Request() = default;

  virtual const RequestHead& head() const = 0;
  // As the sender says; none: it says nothing (chunked), or there is no body.
  virtual std::optional<ByteCount> body_size() const = 0;
  // The next bytes of the body, valid until the next call; empty at the end. Code::timed_out if they come too
  // slowly, Code::invalid if they are malformed, Code::cancelled if the sender has gone. What is not read
  // is not waited for: the connection is closed behind the answer.
  virtual Task<Result<ByteView>> read() = 0;
  // Whether the sender can still hear an answer, as far as is known.
  virtual bool is_connected() const = 0;
  // Answers with 101; from then on the connection is the WebSocket's, which lives no longer than the handler
  // runs, and whatever the handler gives is not sent. `subprotocol` is one that the sender offers, or empty.
  // Code::invalid if this is no request for that; then the handler answers it.
  virtual Task<Result<std::unique_ptr<WebSocket>>> upgrade(std::string subprotocol, WebSocketLimits limits);
};

// The whole body. Code::exhausted if it is longer than `size_max`.
Task<Result<std::string>> read_body(Request& request, ByteCount size_max);

// Everything that a stranger can make us wait for or hold. Each has its reason in net/server_limits... of
// whoever serves.
struct ServerLimits {
  std::size_t connections_max;              // More wait until one is closed.
  std::size_t connections_per_address_max;  // More are refused at once. Loopback and trusted proxies are not
                                            // counted, and a network of IPv6 counts as one (address_group()).
  std::size_t header_bytes_max;
  std::size_t header_fields_max;
  std::chrono::milliseconds header_wait_max;         // For a whole head.
  std::chrono::milliseconds idle_wait_max;           // Between requests of a connection.
  std::chrono::milliseconds stall_wait_max;          // While nothing of a body comes or goes.
  ByteCount body_rate_min;                           // Bytes a second, in each direction.
  std::chrono::milliseconds body_rate_time{10'000};  // What is waited for bytes before their rate counts.
  bool loopback_is_limited = false;                  // For tests.
};

// A certificate and its key, as PEM.
struct TlsIdentity {
  std::string certificate_chain;
  Secret private_key;
};

struct ServerParts {
  Loop& loop;  // Outlives the server.
  ServerLimits limits;
  std::vector<std::string> trusted_proxies;  // Addresses whose X-Forwarded-For and -Proto are believed.
  // Called for each request whose head is well-formed. Whatever it gives is sent.
  std::function<Task<Response>(Request&)> handle;
  // The answer to a request that the handler never sees, or whose body is malformed: a status (400, 408, 414,
  // 417, 431, 501, 505), the request's id, and a sentence that says why. If it is empty: the sentence as
  // text.
  std::function<Response(int status, const std::string& request_id, const std::string& why)> on_malformed =
      {};
  // Called with what the handler never sees: malformed requests, failed handshakes, too many connections; for
  // counting. May be empty.
  std::function<void(const std::string& peer, const Error& error)> on_refused = {};
};

// What an address is counted as: itself, or for IPv6 the network of 64 bits that it is in, all of which one
// machine may have ("2001:db8::1" and "2001:db8::2" are "2001:db8::"). What is no address is counted as
// itself.
std::string address_group(const std::string& address);

// Network thread only, or while the loop does not run. Every answer gets Date and what says where it ends;
// the handler adds none of Content-Length, Transfer-Encoding, Connection and Date.
class Server {
 public:
  explicit Server(ServerParts parts);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Closes everything. Handlers that still run go on until they next meet their request, or the loop ends:
  // drain before, or destroy it after Loop::run() has returned.
  ~Server();

  // Begins to accept; `host` is an address or a name, port 0 any that is free. Gives the port.
  // Code::unavailable if it is taken. May be called several times.
  Result<std::uint16_t> listen(const std::string& host, std::uint16_t port,
                               const std::shared_ptr<const TlsIdentity>& tls);

  // Takes no more connections or requests, and lets those that are there end, for up to `wait`; then cuts
  // them.
  Task<> drain(std::chrono::milliseconds wait);

  std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kachery
