// Both sides of WebSocket: our client with our server, through TLS, through a proxy, and with servers that do
// not keep to the protocol.
#include "net/websocket_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/certificate.h"
#include "net/signing.h"
#include "net/tunnel_fixture.h"

namespace kachery {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kProtocol = "kachery.1";

// Sends every message back, and closes when it is told to.
Task<Response> echo(Request& request) {
  if (request.head().path != "/live") co_return Response{.status = 403, .body = "not for you"};
  WebSocketLimits limits;
  limits.message_bytes_max = 4 << 20;
  auto socket = co_await request.upgrade(std::string(kProtocol), limits);
  if (!socket) co_return Response{.status = http_status(socket.error().code), .body = socket.error().message};
  for (;;) {
    auto message = co_await (*socket)->receive();
    if (!message) co_return Response{};
    if (message->bytes == "close") {
      co_await (*socket)->close(4001, "as you wish");
      co_return Response{};
    }
    const Result<> sent = co_await (*socket)->send(*std::move(message));
    if (!sent) co_return Response{};
  }
}

// A loop of the client's own, on this thread.
class Client {
 public:
  // Runs `work` with the WebSocket, or what came in its place.
  using Work = std::function<Task<>(WebSocket&)>;

  // Connects, and does `work` if there is a WebSocket; false if all of it took longer than 20 s.
  bool run(WebSocketRequest request, WebSocketLimits limits = {}, Work work = nullptr) {
    loop_.spawn(connect(std::move(request), limits, std::move(work)));
    loop_.spawn(give_up());
    loop_.run();
    return has_ended_;
  }

  std::string error() const { return answer_ || !error_ ? "" : error_->message; }
  std::optional<Code> code() const { return error_ ? std::optional(error_->code) : std::nullopt; }
  bool is_connected() const {
    return answer_ && std::holds_alternative<std::unique_ptr<WebSocket>>(*answer_);
  }
  const ClientResponse& refusal() const { return std::get<ClientResponse>(*answer_); }

 private:
  Task<> connect(WebSocketRequest request, WebSocketLimits limits, Work work) {
    Result<WebSocketAnswer> answer = co_await connect_websocket(loop_, std::move(request), limits);
    if (answer) {
      answer_ = *std::move(answer);
    } else {
      error_ = answer.error();
    }
    if (is_connected() && work) {
      WebSocket& socket = *std::get<std::unique_ptr<WebSocket>>(*answer_);
      co_await work(socket);
    }
    has_ended_ = true;
    loop_.stop();
  }
  Task<> give_up() {
    co_await loop_.sleep(milliseconds(20'000));
    loop_.stop();
  }

  Loop loop_{1};
  std::optional<WebSocketAnswer> answer_;
  std::optional<Error> error_;
  bool has_ended_ = false;
};

WebSocketRequest to_port(std::uint16_t port) {
  return {.server = Url::parse(fmt::format("http://127.0.0.1:{}", port)).value(),
          .path = "/live",
          .subprotocol = std::string(kProtocol)};
}

struct Identity {
  std::shared_ptr<const TlsIdentity> tls;
  std::string pin;
};

Identity make_identity() {
  auto made = make_self_signed(std::array{std::string("127.0.0.1")});
  EXPECT_TRUE(made);
  const std::string pin = certificate_fingerprint(made->certificate).value();
  return {std::make_shared<TlsIdentity>(std::move(made->certificate), std::move(made->private_key)), pin};
}

// Sends messages of all sizes and gets each of them back.
Task<> exchange(WebSocket& socket, int& exchanged) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65'535U, 65'536U, 1'000'000U})
    for (const bool is_text : {true, false}) {
      const WebSocketMessage message{is_text, std::string(size, is_text ? 't' : '\xFF')};
      const Result<> sent = co_await socket.send(message);
      EXPECT_TRUE(sent) << sent.error().message;
      const Result<WebSocketMessage> back = co_await socket.receive();
      EXPECT_TRUE(back) << back.error().message;
      if (!back) co_return;
      EXPECT_EQ(back->is_text, is_text);
      EXPECT_TRUE(back->bytes == message.bytes) << size;
      ++exchanged;
    }
  co_await socket.close(1000, "done");
}

TEST(WebSocketClient, ExchangesTextAndBytesOfAllSizes) {
  RunningServer server(echo);
  Client client;
  int exchanged = 0;
  EXPECT_TRUE(
      client.run(to_port(server.port()), {}, [&](WebSocket& socket) { return exchange(socket, exchanged); }));
  EXPECT_EQ(exchanged, 14) << client.error();
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST(WebSocketClient, ExchangesThemThroughTlsWithTheKeyThatIsPinned) {
  const Identity identity = make_identity();
  RunningServer server(echo, test_limits(), {}, identity.tls);
  Client client;
  WebSocketRequest request = to_port(server.port());
  request.server.secure = true;
  request.server.pin = identity.pin;
  int exchanged = 0;
  EXPECT_TRUE(client.run(request, {}, [&](WebSocket& socket) { return exchange(socket, exchanged); }));
  EXPECT_EQ(exchanged, 14) << client.error();
}

TEST(WebSocketClient, TrustsNoOtherKeyAndNobodyWhoVouchesForHimself) {
  const Identity identity = make_identity();
  RunningServer server(echo, test_limits(), {}, identity.tls);
  WebSocketRequest request = to_port(server.port());
  request.server.secure = true;
  request.query = "token=sesqui";
  const std::string other(64, 'a');
  request.server.pin = other;
  Client wrong;
  EXPECT_TRUE(wrong.run(request));
  EXPECT_EQ(wrong.code(), Code::denied);
  EXPECT_TRUE(wrong.error().contains(identity.pin) && wrong.error().contains(other)) << wrong.error();
  EXPECT_FALSE(wrong.error().contains("sesqui"));
  request.server.pin.reset();
  Client trusting;
  EXPECT_TRUE(trusting.run(request));
  EXPECT_EQ(trusting.code(), Code::denied);
  EXPECT_TRUE(trusting.error().contains("#FINGERPRINT")) << trusting.error();
}

TEST(WebSocketClient, SaysWhereNoTlsIsSpoken) {
  RunningServer server(echo);
  WebSocketRequest request = to_port(server.port());
  request.server.secure = true;
  Client client;
  EXPECT_TRUE(client.run(request));
  EXPECT_EQ(client.code(), Code::unavailable);
  EXPECT_TRUE(client.error().contains("https")) << client.error();
}

TEST(WebSocketClient, IsLedThroughATunnelThatSeesNothing) {
  const Identity identity = make_identity();
  RunningServer server(echo, test_limits(), {}, identity.tls);
  Tunnel tunnel(server.port());
  WebSocketRequest request = to_port(8443);
  request.server = Url::parse("https://hub.invalid:8443#" + identity.pin).value();
  request.fields = {{"X-Secret", "sesqui"}};
  request.proxy = Url::parse(tunnel.url()).value();
  Client client;
  int exchanged = 0;
  EXPECT_TRUE(client.run(request, {}, [&](WebSocket& socket) { return exchange(socket, exchanged); }));
  EXPECT_EQ(exchanged, 14) << client.error();
  EXPECT_TRUE(tunnel.asked().starts_with("CONNECT hub.invalid:8443 HTTP/1.1\r\n")) << tunnel.asked();
  EXPECT_FALSE(tunnel.asked().contains("sesqui"));
}

TEST(WebSocketClient, IsLedThroughATunnelWithoutTlsToo) {
  RunningServer server(echo);
  Tunnel tunnel(server.port());
  WebSocketRequest request = to_port(80);
  request.server = Url::parse("http://hub.invalid").value();
  request.proxy = Url::parse(tunnel.url()).value();
  Client client;
  int exchanged = 0;
  EXPECT_TRUE(client.run(request, {}, [&](WebSocket& socket) { return exchange(socket, exchanged); }));
  EXPECT_EQ(exchanged, 14) << client.error();
  EXPECT_TRUE(tunnel.asked().starts_with("CONNECT hub.invalid:80 HTTP/1.1\r\n")) << tunnel.asked();
}

TEST(WebSocketClient, TellsWhatAProxySaysThatMakesNoTunnel) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"HTTP/1.1 403 Not there\x1b\r\n\r\n", "403 Not there\\x1B"},
      {"220 mail.example ESMTP\r\n\r\n", "does not speak HTTP"},
      {"HTTP/1.1 200", "no proper end"},
      {"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 ", "no proper end"},
  };
  for (const auto& [answer, told] : cases) {
    Tunnel tunnel(0, answer);
    WebSocketRequest request = to_port(80);
    request.proxy = Url::parse(tunnel.url()).value();
    Client client;
    EXPECT_TRUE(client.run(request));
    EXPECT_EQ(client.code(), Code::unavailable) << answer;
    EXPECT_TRUE(client.error().contains(told)) << client.error();
  }
}

TEST(WebSocketClient, GivesTheAnswerThatCameInstead) {
  RunningServer server(echo);
  WebSocketRequest request = to_port(server.port());
  request.path = "/elsewhere";
  Client client;
  EXPECT_TRUE(client.run(request));
  ASSERT_FALSE(client.code()) << client.error();
  ASSERT_FALSE(client.is_connected());
  EXPECT_EQ(client.refusal().status, 403);
  EXPECT_EQ(client.refusal().body, "not for you");
  ASSERT_NE(client.refusal().fields.find("date"), nullptr);
}

Task<Response> take_no_subprotocol(Request& request) {
  const WebSocketLimits limits;
  auto socket = co_await request.upgrade("", limits);
  if (socket) {
    const auto nothing = co_await (*socket)->receive();
    EXPECT_FALSE(nothing);
  }
  co_return Response{};
}

TEST(WebSocketClient, OffersItsSubprotocolAndTakesNoOther) {
  RunningServer server(echo);
  WebSocketRequest request = to_port(server.port());
  request.subprotocol = "kachery.2";
  Client refused;
  EXPECT_TRUE(refused.run(request));
  ASSERT_FALSE(refused.code()) << refused.error();
  EXPECT_EQ(refused.refusal().status, 400);
  EXPECT_TRUE(refused.refusal().body.contains(kProtocol));
  RunningServer careless(take_no_subprotocol);
  Client other;
  EXPECT_TRUE(other.run(to_port(careless.port())));
  EXPECT_EQ(other.code(), Code::invalid);
  EXPECT_TRUE(other.error().contains("subprotocol")) << other.error();
}

TEST(WebSocketClient, SignsWhatTheServerChecks) {
  const KeyPair key = KeyPair::generate();
  std::optional<WebSocketRequest> request;
  std::atomic<bool> is_right = false;
  RunningServer server([&](Request& asked) {
    const std::array known{request->server};
    const Result<SignedBy> by = verify_request(asked.head(), known);
    is_right = by && by->node == key.node_id();
    return echo(asked);
  });
  request = to_port(server.port());
  request->query = "a=b";
  request->sign = [&](const HttpFields& upgrade) {
    return sign_request(
        key, request->server,
        {.method = Method::get, .path = "/live", .query = "a=b", .body = {}, .upgrade = upgrade},
        1'700'000'000);
  };
  Client client;
  EXPECT_TRUE(client.run(*request));
  EXPECT_TRUE(client.is_connected()) << client.error();
  EXPECT_TRUE(is_right);
}

// What receive() says after that message, and the peer's farewell.
Task<> send_and_receive(WebSocket& socket, WebSocketMessage message, std::optional<Code>& code,
                        std::optional<WebSocketClose>& why) {
  const Result<> sent = co_await socket.send(std::move(message));
  EXPECT_TRUE(sent);
  const Result<WebSocketMessage> received = co_await socket.receive();
  if (!received) code = received.error().code;
  why = socket.closed_by_peer();
}

TEST(WebSocketClient, HearsWhyTheServerCloses) {
  RunningServer server(echo);
  Client client;
  std::optional<WebSocketClose> why;
  std::optional<Code> code;
  EXPECT_TRUE(client.run(to_port(server.port()), {}, [&](WebSocket& socket) {
    return send_and_receive(socket, {true, "close"}, code, why);
  }));
  EXPECT_EQ(code, Code::unavailable);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, 4001);
  EXPECT_EQ(why->reason, "as you wish");
}

TEST(WebSocketClient, TakesNoMessageThatIsTooLong) {
  RunningServer server(echo);
  WebSocketLimits limits;
  limits.message_bytes_max = 1000;
  Client client;
  std::optional<Code> code;
  std::optional<WebSocketClose> why;
  EXPECT_TRUE(client.run(to_port(server.port()), limits, [&](WebSocket& socket) {
    return send_and_receive(socket, {true, std::string(1001, 'a')}, code, why);
  }));
  EXPECT_EQ(code, Code::exhausted);
}

TEST(WebSocketClient, DoesNotWaitForWhoIsSilent) {
  // Nobody takes this connection, but the kernel.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  WebSocketLimits limits;
  limits.handshake_wait_max = milliseconds(100);
  WebSocketRequest request = to_port(ntohs(address.sin_port));
  for (const bool secure : {false, true}) {
    request.server.secure = secure;
    Client client;
    EXPECT_TRUE(client.run(request, limits));
    EXPECT_EQ(client.code(), Code::timed_out) << client.error();
  }
  WebSocketRequest through = to_port(80);
  through.proxy = request.server;
  through.proxy->secure = false;
  Client client;
  EXPECT_TRUE(client.run(through, limits));
  EXPECT_EQ(client.code(), Code::timed_out) << client.error();
  ::close(listener);
  Client late;
  EXPECT_TRUE(late.run(to_port(ntohs(address.sin_port))));
  EXPECT_EQ(late.code(), Code::unavailable) << late.error();
}

TEST(WebSocketClient, BelievesNoAnswerThatIsNone) {
  const std::string good =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n";
  for (const std::string& answer :
       {std::string("HTTP/1.1 101 Switching Protocols\r\n\r\n"), good + "\r\n",
        good + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", std::string("nonsense\r\n\r\n"),
        "HTTP/1.1 403 No\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n"}) {
    Tunnel odd(0, answer);
    WebSocketRequest request = to_port(80);
    request.server = Url::parse(odd.url()).value();
    Client client;
    EXPECT_TRUE(client.run(request));
    EXPECT_TRUE(client.code() == Code::invalid || client.code() == Code::unavailable)
        << answer.substr(0, 100) << ": " << client.error();
    EXPECT_FALSE(client.is_connected());
  }
}

// Whoever does not receive answers no ping.
Task<Response> upgrade_and_sleep(Request& request, Loop*& loop) {
  auto socket = co_await request.upgrade(std::string(kProtocol), {});
  co_await loop->sleep(milliseconds(60'000));
  co_return Response{};
}

TEST(WebSocketClient, CutsAServerThatIsDead) {
  Loop* loop = nullptr;
  RunningServer server([&](Request& request) { return upgrade_and_sleep(request, loop); });
  loop = &server.loop();
  WebSocketLimits limits;
  limits.ping_time = milliseconds(20);
  limits.silence_max = milliseconds(100);
  Client client;
  std::optional<Code> code;
  std::optional<WebSocketClose> why;
  EXPECT_TRUE(client.run(to_port(server.port()), limits, [&](WebSocket& socket) {
    return send_and_receive(socket, {true, "hello"}, code, why);
  }));
  EXPECT_EQ(code, Code::timed_out);
}

}  // namespace
}  // namespace kachery
