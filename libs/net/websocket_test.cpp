// WebSockets with a peer that sends raw frames (RFC 6455 section 5.2).
#include "net/websocket.h"

#include <gtest/gtest.h>

#include <memory>

#include "net/server_fixture.h"

namespace kachery {
namespace {

using std::chrono::milliseconds;

constexpr int kText = 0x81;  // The last frame of its message.
constexpr int kBinary = 0x82;
constexpr int kClose = 0x88;
constexpr int kPing = 0x89;
constexpr int kPong = 0x8A;

// As clients send it: masked, here with a mask that changes nothing.
std::string frame(int kind, const std::string& payload, bool is_masked = true) {
  std::string bytes(1, static_cast<char>(kind));
  const int mask = is_masked ? 0x80 : 0;
  if (payload.size() < 126) {
    bytes += static_cast<char>(mask | static_cast<int>(payload.size()));
  } else {
    bytes += static_cast<char>(mask | 126);
    bytes += static_cast<char>(payload.size() >> 8);
    bytes += static_cast<char>(payload.size() & 0xFF);
  }
  return bytes + std::string(is_masked ? 4 : 0, '\0') + payload;
}

std::string answer_frame(int kind, const std::string& payload) {
  return frame(kind, payload, false);
}

// What the handler of a WebSocket saw of its end.
struct End {
  std::mutex mutex;
  std::optional<Error> error;
  std::optional<WebSocketClose> close;

  std::optional<Error> get() {
    const std::scoped_lock lock(mutex);
    return error;
  }
};

Task<Response> echo_messages(Request& request, std::string subprotocol, WebSocketLimits limits,
                             std::shared_ptr<End> end) {
  auto socket = co_await request.upgrade(subprotocol, limits);
  if (!socket) co_return Response{.status = http_status(socket.error().code), .body = socket.error().message};
  for (;;) {
    auto message = co_await (*socket)->receive();
    if (message && message->bytes == "close") {
      co_await (*socket)->close(1000, "as you wish");
      co_return Response{};
    }
    Result<> sent;
    if (message) sent = co_await (*socket)->send(*std::move(message));
    if (message && sent) continue;
    const std::scoped_lock lock(end->mutex);
    end->error = message ? sent.error() : message.error();
    end->close = (*socket)->closed_by_peer();
    co_return Response{};
  }
}

struct EchoServer {
  explicit EchoServer(std::string subprotocol = "", WebSocketLimits limits = {})
      : server([subprotocol, limits, ended = end](Request& request) {
          return echo_messages(request, subprotocol, limits, ended);
        }) {}

  // Whether the handler ended with that.
  bool ends_with(Code code) {
    return server.wait_until([&] { return end->get().has_value(); }) && end->get()->code == code;
  }

  std::shared_ptr<End> end = std::make_shared<End>();
  RunningServer server;
};

std::string handshake(const std::string& more = "") {
  return "GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         more + "\r\n";
}

std::string receive_exactly(RawClient& client, std::size_t size) {
  std::string all;
  while (all.size() < size) {
    const std::string piece = client.receive();
    if (piece.empty()) break;
    all += piece;
  }
  return all;
}

// Shakes hands, and gives the head of the answer.
std::string open(RawClient& client, const std::string& more = "") {
  client.send(handshake(more));
  return client.receive_until("\r\n\r\n");
}

TEST(WebSocket, ShakesHandsAsTheRfcShowsIt) {
  EchoServer echo("kachery.1");
  RawClient client(echo.server.port());
  const std::string answer = open(client, "Sec-WebSocket-Protocol: other, kachery.1\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 ")) << answer;
  EXPECT_TRUE(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")) << answer;
  EXPECT_TRUE(answer.contains("Sec-WebSocket-Protocol: kachery.1\r\n")) << answer;
  EXPECT_FALSE(answer.contains("Beast")) << answer;
}

TEST(WebSocket, IsRefusedToWhoDoesNotAskForItProperly) {
  EchoServer echo("kachery.1");
  RawClient plain(echo.server.port());
  plain.send("GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(plain.receive_until("WebSocket").starts_with("HTTP/1.1 400 "));
  RawClient other(echo.server.port());
  EXPECT_TRUE(open(other, "Sec-WebSocket-Protocol: kachery.2\r\n").starts_with("HTTP/1.1 400 "));
  RawClient short_key(echo.server.port());
  short_key.send(
      "GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n"
      "Sec-WebSocket-Protocol: kachery.1\r\n\r\n");
  EXPECT_TRUE(short_key.receive_until("WebSocket").starts_with("HTTP/1.1 400 "));
  RawClient hasty(echo.server.port());
  hasty.send(handshake("Sec-WebSocket-Protocol: kachery.1\r\n") + frame(kText, "early"));
  EXPECT_TRUE(hasty.receive_until("WebSocket").starts_with("HTTP/1.1 400 "));
}

TEST(WebSocket, CarriesTextAndBytesWhole) {
  EchoServer echo;
  RawClient client(echo.server.port());
  ASSERT_TRUE(open(client).contains(" 101 "));
  for (const std::size_t size : {0U, 1U, 125U, 126U, 60'000U})
    for (const int kind : {kText, kBinary}) {
      const std::string payload(size, kind == kText ? 't' : '\xFF');
      client.send(frame(kind, payload));
      const std::string expected = answer_frame(kind, payload);
      EXPECT_TRUE(receive_exactly(client, expected.size()) == expected) << size;
    }
  client.send(frame(0x01, "in two ") + frame(kPing, "?") + frame(0x80, "frames"));
  const std::string expected = answer_frame(kPong, "?") + answer_frame(kText, "in two frames");
  EXPECT_EQ(receive_exactly(client, expected.size()), expected);
}

TEST(WebSocket, SaysFarewellAndHearsIt) {
  EchoServer echo;
  RawClient client(echo.server.port());
  ASSERT_TRUE(open(client).contains(" 101 "));
  client.send(frame(kClose, "\x0F\xA0 gone home"));
  EXPECT_EQ(client.receive_all().substr(0, 1), std::string(1, static_cast<char>(kClose)));
  client.end();
  EXPECT_TRUE(echo.ends_with(Code::unavailable));
  ASSERT_TRUE(echo.end->close);
  EXPECT_EQ(echo.end->close->code, 4000);
  EXPECT_EQ(echo.end->close->reason, " gone home");

  RawClient other(echo.server.port());
  ASSERT_TRUE(open(other).contains(" 101 "));
  other.send(frame(kText, "close"));
  const std::string farewell = answer_frame(kClose,
                                            "\x03\xE8"
                                            "as you wish");
  EXPECT_EQ(receive_exactly(other, farewell.size()), farewell);
  other.send(frame(kClose, "\x03\xE8"));
  EXPECT_EQ(other.receive_all(), "");
  EXPECT_FALSE(other.was_silent());
  EXPECT_TRUE(echo.server.wait_for_connections(0));
}

struct Broken {
  std::string what;
  std::string bytes;
  Code code;
};

TEST(WebSocket, EndsWhereThePeerBreaksTheProtocol) {
  WebSocketLimits limits;
  limits.message_bytes_max = 1000;
  const std::vector<Broken> cases{
      {"a frame that is not masked", frame(kText, "a", false), Code::invalid},
      {"text that is not UTF-8", frame(kText, "\xFF\xFE"), Code::invalid},
      {"text that ends inside a character", frame(kText, "\xE2\x82"), Code::invalid},
      {"text that ends inside a character, with an empty frame",
       frame(0x01, "\xE2\x82") + frame(0x80, "") + frame(kClose, ""), Code::invalid},
      {"a reserved bit: compression that nobody offered", frame(kText | 0x40, "a"), Code::invalid},
      {"a reserved kind of frame", frame(0x83, "a"), Code::invalid},
      {"a continuation of nothing", frame(0x80, "a"), Code::invalid},
      {"a ping in two frames", frame(0x09, "a"), Code::invalid},
      {"a ping that is too long", frame(kPing, std::string(126, 'a')), Code::invalid},
      {"a message that is too long", frame(kText, std::string(1001, 'a')), Code::exhausted},
      {"one that is too long as a whole",
       frame(0x01, std::string(600, 'a')) + frame(0x80, std::string(600, 'a')), Code::exhausted},
      {"a close code that must not be sent", frame(kClose, "\x03\xED"), Code::invalid},
  };
  for (const Broken& broken : cases) {
    EchoServer echo("", limits);
    RawClient client(echo.server.port());
    ASSERT_TRUE(open(client).contains(" 101 "));
    client.send(broken.bytes);
    client.receive_all();
    EXPECT_FALSE(client.was_silent()) << broken.what;
    client.end();
    EXPECT_TRUE(echo.ends_with(broken.code)) << broken.what;
  }
}

// Without that, a peer that is still sending would be reset, and might never read what was wrong.
TEST(WebSocket, TellsWhatWasWrongToWhoGoesOnSending) {
  WebSocketLimits limits;
  limits.message_bytes_max = 1000;
  EchoServer echo("", limits);
  RawClient client(echo.server.port());
  ASSERT_TRUE(open(client).contains(" 101 "));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.send(frame(kText, std::string(60'000, 'a'))));
  EXPECT_EQ(client.receive_all(), answer_frame(kClose, "\x03\xF1"));
  EXPECT_FALSE(client.was_silent() || client.was_reset());
  client.end();
  EXPECT_TRUE(echo.ends_with(Code::exhausted));
}

TEST(WebSocket, DoesNotWaitLongForWhoNeverEnds) {
  EchoServer echo;
  RawClient client(echo.server.port());
  ASSERT_TRUE(open(client).contains(" 101 "));
  client.send(frame(0x83, "a"));
  EXPECT_EQ(client.receive_all(), answer_frame(kClose, "\x03\xEA"));
  EXPECT_TRUE(echo.ends_with(Code::invalid));
  EXPECT_TRUE(echo.server.wait_for_connections(0));
}

TEST(WebSocket, OfAPeerThatIsSilentIsCutAndOfOneThatAnswersPingsIsNot) {
  WebSocketLimits limits;
  limits.ping_time = milliseconds(20);
  limits.silence_max = milliseconds(200);
  EchoServer echo("", limits);
  RawClient client(echo.server.port());
  ASSERT_TRUE(open(client).contains(" 101 "));
  const std::string ping = answer_frame(kPing, "");
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(receive_exactly(client, ping.size()).starts_with(ping));
    client.send(frame(kPong, ""));
  }
  client.send(frame(kText, "here"));
  EXPECT_TRUE(client.receive_until("here").ends_with("here")) << "it is alive";
  EXPECT_TRUE(echo.ends_with(Code::timed_out));
}

TEST(WebSocket, MayBeStoppedWhileItWaits) {
  WebSocketLimits limits;
  limits.ping_time = milliseconds(5);
  auto echo = std::make_unique<EchoServer>("", limits);
  RawClient client(echo->server.port());
  ASSERT_TRUE(open(client).contains(" 101 "));
  ASSERT_FALSE(client.receive().empty());
  echo.reset();
}

}  // namespace
}  // namespace kachery
