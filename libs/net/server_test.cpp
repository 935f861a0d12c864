#include "net/server.h"

#include <gtest/gtest.h>

#include "net/server_fixture.h"

namespace kachery {
namespace {

using std::chrono::milliseconds;

// Answers with what it was asked: method, path, query, body.
Task<Response> echo(Request& request) {
  const Result<std::string> body = co_await read_body(request, 64 << 20);
  if (!body) co_return Response{.status = http_status(body.error().code), .body = body.error().message};
  const RequestHead& head = request.head();
  co_return Response{
      .fields = {{"Content-Type", "text/plain"}},
      .body = std::string(method_name(head.method)) + " " + head.path + "|" + head.query + "|" + *body};
}

// What stands behind the head of an answer.
std::string body_of(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "no head: " + answer : answer.substr(end + 4);
}

std::string ask(const RunningServer& server, std::string_view request) {
  RawClient client(server.port());
  client.send(request);
  return client.receive_all();
}

TEST(Server, AnswersAndSaysWhenAndHowLong) {
  RunningServer server(echo);
  const std::string answer = ask(server, "GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << answer;
  EXPECT_TRUE(answer.contains(" GMT\r\n")) << answer;
  EXPECT_TRUE(answer.contains("\r\nContent-Type: text/plain\r\n")) << answer;
  EXPECT_TRUE(answer.contains("\r\nContent-Length: 13\r\n")) << answer;
  EXPECT_TRUE(answer.contains("\r\nConnection: close\r\n")) << answer;
  EXPECT_EQ(body_of(answer), "GET /a/b|c=d|");
}

TEST(Server, KeepsAConnectionForTheNextRequest) {
  RunningServer server(echo);
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send("GET /n" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(client.receive_until("||").ends_with("GET /n" + std::to_string(i) + "||"));
  }
  client.end();
  EXPECT_EQ(client.receive_all(), "");
}

TEST(Server, AnswersPipelinedRequestsInTheirOrder) {
  RunningServer server(echo);
  RawClient client(server.port());
  client.send(
      "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = client.receive_all();
  const std::size_t first = answers.find("POST /1||abc");
  const std::size_t second = answers.find("POST /2||de");
  const std::size_t third = answers.find("GET /3||");
  EXPECT_TRUE(first < second && second < third && third != std::string::npos) << answers;
}

TEST(Server, TakesARequestOneByteAtATime) {
  RunningServer server(echo);
  RawClient client(server.port());
  for (const char c :
       std::string("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                   "3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: t\r\n\r\n"))
    client.send(std::string_view(&c, 1));
  EXPECT_EQ(body_of(client.receive_all()), "POST /x||abcd");
}

TEST(Server, SpeaksWithClientsOfHttp10) {
  RunningServer server(echo);
  const std::string closed = ask(server, "GET /old HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(closed.contains("Connection: close")) << closed;
  EXPECT_EQ(body_of(closed), "GET /old||");

  RawClient client(server.port());
  client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(client.receive_until("||").contains("Connection: keep-alive"));
  client.send("GET /2 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(client.receive_all()), "GET /2||");
}

TEST(Server, AnswersHeadWithTheLengthAndWithoutTheBody) {
  RunningServer server(echo);
  const std::string answer = ask(server, "HEAD /abc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.contains("Content-Length: 11\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(Server, SaysContinueOnlyWhenTheBodyIsWanted) {
  RunningServer reading(echo);
  RawClient client(reading.port());
  client.send(
      "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hi");
  EXPECT_EQ(body_of(client.receive_all()), "PUT /x||hi");

  RunningServer refusing([](Request&) -> Task<Response> { co_return Response{.status = 403, .body = "no"}; });
  RawClient other(refusing.port());
  other.send("PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  const std::string answer = other.receive_until("no");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 ")) << answer;
  EXPECT_TRUE(answer.contains("Connection: close")) << "what comes next might be the body, or a request";
}

// A body in pieces of a size, of a number of them; then the end, or a failure.
class Pieces3 final : public Body {
 public:
  Pieces3(std::size_t size, int count, bool says_size, bool fails)
      : piece_(size, 'x'), count_(count), says_size_(says_size), fails_(fails) {}

  std::optional<ByteCount> size() const override {
    if (!says_size_) return std::nullopt;
    return piece_.size() * static_cast<ByteCount>(count_) + (fails_ ? 1 : 0);
  }
  Task<Result<ByteView>> next() override {
    if (given_++ < count_) co_return as_bytes(piece_);
    if (fails_) co_return fail(Code::corrupt, "the disk is broken");
    co_return ByteView();
  }

 private:
  std::string piece_;
  int count_;
  bool says_size_;
  bool fails_;
  int given_ = 0;
};

Handler give(std::size_t size, int count, bool says_size, bool fails) {
  // Not a coroutine with captures: the parameters go to one that takes them by value.
  return [=](Request&) {
    return [](std::size_t piece, int pieces, bool says, bool breaks) -> Task<Response> {
      Response response;
      response.body = std::make_unique<Pieces3>(piece, pieces, says, breaks);
      co_return response;
    }(size, count, says_size, fails);
  };
}

TEST(Server, SendsABodyThatIsMadeMeanwhile) {
  RunningServer chunked(give(3, 2, false, false));
  const std::string answer = ask(chunked, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.contains("Transfer-Encoding: chunked\r\n")) << answer;
  EXPECT_EQ(body_of(answer), "3\r\nxxx\r\n3\r\nxxx\r\n0\r\n\r\n");
  const std::string old = ask(chunked, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(old.contains("Connection: close\r\n")) << "its end is the connection's";
  EXPECT_EQ(body_of(old), "xxxxxx");

  RunningServer sized(give(1 << 20, 8, true, false));
  EXPECT_EQ(body_of(ask(sized, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
            std::string(8 << 20, 'x'));
}

TEST(Server, CutsAnAnswerThatFailsSoThatNobodyTakesItForTheWhole) {
  for (const bool says_size : {true, false}) {
    RunningServer server(give(3, 2, says_size, true));
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string answer = client.receive_all();
    EXPECT_FALSE(answer.ends_with("0\r\n\r\n")) << answer;
    EXPECT_FALSE(client.was_silent());
    EXPECT_TRUE(server.wait_until([&] { return server.refused().size() == 1; }));
  }
  RunningServer server(give(3, 2, false, true));
  RawClient client(server.port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  client.receive_all();
  EXPECT_TRUE(client.was_reset()) << "an ordinary end would be the end of the body";
}

TEST(Server, TakesLargeBodiesWhole) {
  RunningServer server(echo);
  const std::string body(20 << 20, 'b');
  RawClient client(server.port());
  std::string answer;
  {
    const std::jthread sender([&] {
      client.send("PUT /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body);
    });
    answer = client.receive_all();
  }
  EXPECT_TRUE(body_of(answer) == "PUT /big||" + body);
}

// The client sends 8 MiB that nobody reads before it looks for the answer.
TEST(Server, AnswersBeforeABodyThatItDoesNotReadAndThenCloses) {
  RunningServer server(
      [](Request&) -> Task<Response> { co_return Response{.status = 403, .body = "not you"}; });
  RawClient client(server.port());
  client.send("PUT /big HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n" + std::string(8 << 20, 'b'));
  const std::string answer = client.receive_all();
  EXPECT_EQ(body_of(answer), "not you");
  EXPECT_TRUE(answer.contains("Connection: close"));
  EXPECT_FALSE(client.was_reset());
}

TEST(Server, KeepsTheConnectionWhenASmallBodyWasNotRead) {
  RunningServer server([](Request&) -> Task<Response> { co_return Response{.status = 404, .body = "none"}; });
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd");
    EXPECT_TRUE(client.receive_until("none").contains("404"));
  }
}

Task<Response> show_origin(Request& request) {
  co_return Response{.body = request.head().peer + (request.head().secure ? " secure" : " plain")};
}

TEST(Server, BelievesOnlyTrustedProxiesAboutThePeer) {
  const std::string request =
      "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6, 10.1.2.3\r\nX-Forwarded-For: 127.0.0.1\r\n"
      "X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n";
  RunningServer alone(show_origin);
  EXPECT_EQ(body_of(ask(alone, request)), "127.0.0.1 plain");
  RunningServer behind(show_origin, test_limits(), {"127.0.0.1"});
  EXPECT_EQ(body_of(ask(behind, request)), "10.1.2.3 secure");
  EXPECT_EQ(
      body_of(ask(behind, "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: evil\r\nConnection: close\r\n\r\n")),
      "127.0.0.1 plain");
}

TEST(Server, ServesManyConnectionsAtOnce) {
  RunningServer server(echo);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<RawClient>(server.port()));
  ASSERT_TRUE(server.wait_for_connections(200));
  for (auto& client : clients) client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  for (auto& client : clients) EXPECT_TRUE(client->receive_until("||").ends_with("GET /||"));
  clients.clear();
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST(Server, RefusesAPortThatIsTaken) {
  RunningServer server(echo);
  Loop loop(1);
  Server other({.loop = loop, .limits = test_limits(), .trusted_proxies = {}, .handle = echo});
  const auto listening = other.listen("127.0.0.1", server.port(), nullptr);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, Code::unavailable);
}

}  // namespace
}  // namespace kachery
