#include "net/server.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include "net/connection.h"
#include "net/tcp_stream.h"

namespace kachery {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// When there are no file handles left, none comes sooner for trying often.
constexpr milliseconds kAcceptPause{100};
constexpr milliseconds kChangeWait{60'000};
constexpr milliseconds kCheckTimeMin{5};
constexpr milliseconds kCheckTimeMax{250};

struct Listener {
  tcp::acceptor acceptor;
  std::shared_ptr<TlsContext> tls;  // Shared with its connections; null: plain.
};

// Takes the next connection; the socket is filled in.
class Accepting {
 public:
  Accepting(tcp::acceptor& acceptor, tcp::socket& socket) : acceptor_(acceptor), socket_(socket) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    acceptor_.async_accept(socket_, [this, awaiter](error_code error) {
      error_ = error;
      awaiter.resume();
    });
  }
  error_code await_resume() const noexcept { return error_; }

 private:
  tcp::acceptor& acceptor_;
  tcp::socket& socket_;
  error_code error_;
};

std::string address_text(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

// The limits are the deadlines' precision: a quarter of the shortest.
milliseconds check_time(const ServerLimits& limits) {
  const milliseconds shortest =
      std::min({limits.header_wait_max, limits.idle_wait_max, limits.stall_wait_max, limits.body_rate_time});
  return std::clamp(shortest / 4, kCheckTimeMin, kCheckTimeMax);
}

// Looks at the waits of all connections, until the server is gone.
Task<> check_waits(Loop& loop, std::weak_ptr<ServerShared> server, milliseconds time) {
  for (;;) {
    co_await loop.sleep(time);
    const std::shared_ptr<ServerShared> shared = server.lock();
    if (!shared) co_return;
    const TimePoint now = steady_clock::now();
    for (Connection& connection : shared->connections) connection.check(now);
  }
}

Task<> serve_connection(std::shared_ptr<ServerShared> server, std::unique_ptr<Connection> connection) {
  KACHERY_ASSERT(server != nullptr);  // It outlives the connection.
  co_await connection->serve();
}

void welcome(const std::shared_ptr<ServerShared>& server, const Listener& listener, tcp::socket socket) {
  error_code error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // It has gone already.
  std::string peer = address_text(remote.address());
  const auto counted = server->per_address.find(address_group(peer));
  if (counted != server->per_address.end() &&
      counted->second >= server->parts.limits.connections_per_address_max) {
    server->refused(peer, Code::exhausted, "too many connections of one address");
    return;
  }
  socket.set_option(tcp::no_delay(true), error);
  const bool is_tls = listener.tls != nullptr;
  std::unique_ptr<Stream> stream =
      is_tls ? make_tls_stream(std::move(socket), listener.tls) : make_tcp_stream(std::move(socket));
  auto connection = std::make_unique<Connection>(*server, std::move(stream), std::move(peer), is_tls);
  server->parts.loop.spawn(serve_connection(server, std::move(connection)));
}

Task<> accept_all(std::shared_ptr<ServerShared> server, std::shared_ptr<Listener> listener) {
  Loop& loop = server->parts.loop;
  while (listener->acceptor.is_open()) {
    if (server->connection_count >= server->parts.limits.connections_max) {
      co_await server->changed.wait(kChangeWait);
      continue;
    }
    tcp::socket socket(loop.context());
    Accepting accepting(listener->acceptor, socket);
    const error_code error = co_await accepting;
    if (!listener->acceptor.is_open()) co_return;
    if (!error) {
      welcome(server, *listener, std::move(socket));
    } else if (error != asio::error::connection_aborted) {
      const Error why = fail_errno(error.value(), "no connection could be accepted").error();
      server->refused("", why.code, why.message);
      co_await loop.sleep(kAcceptPause);
    }
  }
}

Result<tcp::acceptor> open_acceptor(asio::io_context& context, const tcp::endpoint& endpoint) {
  tcp::acceptor acceptor(context);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  // So that the same port can be taken for IPv4 beside it.
  if (!error && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return acceptor;
  return fail(Code::unavailable, "cannot listen on " + address_text(endpoint.address()) + " port " +
                                     std::to_string(endpoint.port()) + ": " + error.message() +
                                     "; is another program there? Choose another port");
}

}  // namespace

struct Server::State {
  std::shared_ptr<ServerShared> shared;                   // Owned by the server and its connections.
  std::vector<std::shared_ptr<Listener>> listeners = {};  // Owned by this and the coroutines that accept.

  void stop_accepting() {
    error_code ignored;
    for (const auto& listener : listeners) listener->acceptor.close(ignored);
    listeners.clear();
  }
};

Server::Server(ServerParts parts)
    : state_(std::make_unique<State>(State{std::make_shared<ServerShared>(std::move(parts))})) {
  const ServerShared& shared = *state_->shared;
  shared.parts.loop.spawn(check_waits(shared.parts.loop, state_->shared, check_time(shared.parts.limits)));
}

Server::~Server() {
  state_->stop_accepting();
  state_->shared->drains = true;
  for (Connection& connection : state_->shared->connections) connection.cut();
  state_->shared->changed.notify();
}

Result<std::uint16_t> Server::listen(const std::string& host, std::uint16_t port,
                                     const std::shared_ptr<const TlsIdentity>& tls) {
  std::shared_ptr<TlsContext> context;
  if (tls) {
    KACHERY_TRY(made, make_server_tls(*tls));
    context = std::move(made);
  }
  asio::io_context& io = state_->shared->parts.loop.context();
  error_code error;
  const auto found = tcp::resolver(io).resolve(host, "", tcp::resolver::passive, error);
  if (error) return fail(Code::unavailable, "cannot listen on " + host + ": " + error.message());
  std::vector<std::shared_ptr<Listener>> opened;
  for (const auto& entry : found) {
    KACHERY_TRY(acceptor, open_acceptor(io, {entry.endpoint().address(), port}));
    if (port == 0) port = acceptor.local_endpoint(error).port();
    opened.push_back(std::make_shared<Listener>(Listener{std::move(acceptor), context}));
  }
  for (const auto& listener : opened) {
    state_->listeners.push_back(listener);
    state_->shared->parts.loop.spawn(accept_all(state_->shared, listener));
  }
  return port;
}

Task<> Server::drain(milliseconds wait) {
  state_->stop_accepting();
  const std::shared_ptr<ServerShared> shared = state_->shared;
  shared->drains = true;
  shared->changed.notify();
  for (Connection& connection : shared->connections) connection.close_if_idle();
  const auto deadline = steady_clock::now() + wait;
  while (shared->connection_count > 0) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left <= milliseconds(0)) break;
    co_await shared->changed.wait(left);
  }
  for (Connection& connection : shared->connections) connection.cut();
}

std::size_t Server::connections() const {
  return state_->shared->connection_count;
}

bool ServerShared::counts(const std::string& address) const {
  if (trusts(address)) return false;
  error_code error;
  const bool is_loopback = asio::ip::make_address(address, error).is_loopback();
  return !is_loopback || parts.limits.loopback_is_limited;
}

std::optional<std::string> normal_address(std::string_view text) {
  error_code error;
  const auto address = asio::ip::make_address(text, error);
  if (error) return std::nullopt;
  return address_text(address);
}

std::string address_group(const std::string& address) {
  constexpr unsigned short kNetworkBits = 64;
  error_code error;
  const auto parsed = asio::ip::make_address_v6(address, error);
  if (error) return address;
  return asio::ip::network_v6(parsed, kNetworkBits).network().to_string();
}

// Requests that come from elsewhere than a connection.
Task<Result<std::unique_ptr<WebSocket>>> Request::upgrade(std::string /*subprotocol*/,
                                                          WebSocketLimits /*limits*/) {
  co_return fail(Code::invalid, "the request to " + head().path + " did not come over a connection");
}

Task<Result<std::string>> read_body(Request& request, ByteCount size_max) {
  const auto too_long = [&] {
    return fail(Code::exhausted,
                "the body of the request is longer than " + std::to_string(size_max) + " bytes");
  };
  if (request.body_size().value_or(0) > size_max) co_return too_long();
  std::string body;
  for (;;) {
    KACHERY_CO_TRY(piece, co_await request.read());
    if (piece.empty()) co_return body;
    if (piece.size() > size_max - body.size()) co_return too_long();
    body.append(as_text(piece));
  }
}

}  // namespace kachery
