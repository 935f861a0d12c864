// Whatever a stranger can make the server wait for or hold has an end. Each limit is short here.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>

#include "net/server_fixture.h"

namespace kachery {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

Task<Response> hello(Request& request) {
  const Result<std::string> body = co_await read_body(request, 1 << 30);
  if (!body) co_return Response{.status = http_status(body.error().code), .body = body.error().message};
  co_return Response{.body = "hello"};
}

// An answer that never ends.
class Endless final : public Body {
 public:
  std::optional<ByteCount> size() const override { return std::nullopt; }
  Task<Result<ByteView>> next() override { co_return as_bytes(piece_); }

 private:
  std::string piece_ = std::string(256 << 10, 'x');
};

Task<Response> talk_endlessly(Request&) {
  Response response;
  response.body = std::make_unique<Endless>();
  co_return response;
}

bool was_refused(RunningServer& server, Code code) {
  return server.wait_until([&] {
    const std::vector<Error> refused = server.refused();
    return std::ranges::any_of(refused, [&](const Error& error) { return error.code == code; });
  });
}

TEST(ServerLimits, AHeadMustBeThereInTimeHoweverItTrickles) {
  ServerLimits limits = test_limits();
  limits.header_wait_max = milliseconds(60);
  RunningServer server(hello, limits);
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\n");
  const auto start = steady_clock::now();
  while (client.send("A: b\r\n") && steady_clock::now() - start < std::chrono::seconds(5)) {
    pollfd asked{.fd = client.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&asked, 1, 10) > 0) break;
  }
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
  const std::string answer = client.receive_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
  EXPECT_TRUE(was_refused(server, Code::timed_out));
}

TEST(ServerLimits, WhoConnectsAndSaysNothingIsLetGo) {
  ServerLimits limits = test_limits();
  limits.header_wait_max = milliseconds(50);
  RunningServer server(hello, limits);
  RawClient client(server.port());
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_FALSE(client.was_silent());
}

TEST(ServerLimits, AnIdleConnectionIsClosedLaterThanOneWithHalfAHead) {
  ServerLimits limits = test_limits();
  limits.header_wait_max = milliseconds(50);
  limits.idle_wait_max = milliseconds(300);
  RunningServer server(hello, limits);
  RawClient client(server.port());
  client.send(kGet);
  client.receive_until("hello");
  const auto start = steady_clock::now();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_FALSE(client.was_silent());
  EXPECT_GE(steady_clock::now() - start, milliseconds(290));

  RawClient other(server.port());
  other.send(kGet);
  other.receive_until("hello");
  other.send("GET / HT");
  EXPECT_TRUE(other.receive_all().starts_with("HTTP/1.1 408 "));
}

TEST(ServerLimits, ABodyThatStopsIsNotWaitedFor) {
  ServerLimits limits = test_limits();
  limits.stall_wait_max = milliseconds(60);
  RunningServer server(hello, limits);
  RawClient client(server.port());
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
  const std::string answer = client.receive_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 504 ")) << answer;
  EXPECT_TRUE(answer.contains("Connection: close")) << answer;
}

TEST(ServerLimits, ABodyThatTricklesIsNotWaitedFor) {
  ServerLimits limits = test_limits();
  limits.body_rate_time = milliseconds(100);
  limits.body_rate_min = 10'000;
  RunningServer server(hello, limits);
  RawClient client(server.port());
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
  const auto start = steady_clock::now();
  while (client.send("x") && steady_clock::now() - start < std::chrono::seconds(5)) {
    pollfd asked{.fd = client.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&asked, 1, 5) > 0) break;
  }
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_TRUE(client.receive_all().starts_with("HTTP/1.1 504 "));
}

TEST(ServerLimits, ABodyThatIsSlowButFastEnoughIsTaken) {
  ServerLimits limits = test_limits();
  limits.body_rate_time = milliseconds(50);
  limits.body_rate_min = 10;
  RunningServer server(hello, limits);
  RawClient client(server.port());
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n");
  for (int i = 0; i < 60; ++i) {
    client.send("x");
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_TRUE(client.receive_until("hello").starts_with("HTTP/1.1 200 "));
}

TEST(ServerLimits, WhoDoesNotReadTheAnswerIsCut) {
  ServerLimits limits = test_limits();
  limits.stall_wait_max = milliseconds(60);
  RunningServer server(talk_endlessly, limits);
  RawClient client(server.port());
  client.send(kGet);
  ASSERT_TRUE(server.wait_for_connections(1));
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST(ServerLimits, WhoReadsTheAnswerTooSlowlyIsCut) {
  ServerLimits limits = test_limits();
  limits.body_rate_time = milliseconds(100);
  limits.body_rate_min = 1 << 30;
  RunningServer server(talk_endlessly, limits);
  RawClient client(server.port());
  client.send(kGet);
  bool has_ended = false;
  const auto start = steady_clock::now();
  while (!has_ended && steady_clock::now() - start < std::chrono::seconds(8)) {
    has_ended = client.receive().empty();
    std::this_thread::sleep_for(milliseconds(2));
  }
  EXPECT_TRUE(has_ended);
}

TEST(ServerLimits, OneAddressHasOnlySoManyConnections) {
  ServerLimits limits = test_limits();
  limits.connections_per_address_max = 3;
  limits.loopback_is_limited = true;
  RunningServer server(hello, limits);
  std::vector<std::unique_ptr<RawClient>> clients(3);
  for (auto& client : clients) client = std::make_unique<RawClient>(server.port());
  ASSERT_TRUE(server.wait_for_connections(3));
  RawClient refused(server.port());
  EXPECT_EQ(refused.receive_all(), "");
  EXPECT_FALSE(refused.was_silent());
  EXPECT_TRUE(was_refused(server, Code::exhausted));

  clients.pop_back();
  ASSERT_TRUE(server.wait_for_connections(2));
  RawClient next(server.port());
  next.send(kGet);
  EXPECT_TRUE(next.receive_until("hello").contains(" 200 "));
}

TEST(ServerLimits, LoopbackAndTrustedProxiesAreNotCounted) {
  ServerLimits limits = test_limits();
  limits.connections_per_address_max = 1;
  for (const bool by_trust : {false, true}) {
    limits.loopback_is_limited = by_trust;
    RunningServer server(hello, limits, {"127.0.0.1"});
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<RawClient>(server.port()));
    for (const auto& client : clients) {
      client->send(kGet);
      EXPECT_TRUE(client->receive_until("hello").contains(" 200 ")) << by_trust;
    }
  }
}

TEST(ServerLimits, MoreConnectionsThanFitWaitForTheirTurn) {
  ServerLimits limits = test_limits();
  limits.connections_max = 2;
  RunningServer server(hello, limits);
  auto first = std::make_unique<RawClient>(server.port());
  const RawClient second(server.port());
  ASSERT_TRUE(server.wait_for_connections(2));
  RawClient third(server.port());
  third.send(kGet);
  pollfd asked{.fd = third.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&asked, 1, 50), 0) << "it is served before its turn";
  first.reset();
  EXPECT_TRUE(third.receive_until("hello").contains(" 200 "));
}

// The last file handle there is goes to the client, so that accept() has none.
TEST(ServerLimits, WithoutFileHandlesItWaitsAndGoesOn) {
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "UBSan opens a pipe to look at an object of a class that it has not met";
#endif
  RunningServer server(hello);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest = ::dup(STDERR_FILENO);
  ::close(lowest);
  rlimit scarce = before;
  scarce.rlim_cur = static_cast<rlim_t>(lowest) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &scarce), 0);
  RawClient client(server.port());
  const bool refused = was_refused(server, Code::exhausted);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(refused);
  EXPECT_LT(server.refused().size(), 5U) << "it spins";
  client.send(kGet);
  EXPECT_TRUE(client.receive_until("hello").contains(" 200 "));
}

struct Gate {
  explicit Gate(Loop& loop) : opened(loop) {}
  Signal opened;
  std::atomic<bool> is_entered = false;
};

Task<Response> wait_at(Gate* gate) {
  gate->is_entered = true;
  static_cast<void>(co_await gate->opened.wait(std::chrono::minutes(1)));
  co_return Response{.body = "late"};
}

Task<> drain(Server& server, milliseconds wait, std::atomic<bool>& drained) {
  co_await server.drain(wait);
  drained = true;
}

TEST(Drain, LetsARunningRequestEndAndClosesIdleConnectionsAtOnce) {
  std::unique_ptr<Gate> gate;
  RunningServer server([&](Request& request) {
    return request.head().path == "/gate" ? wait_at(gate.get()) : hello(request);
  });
  server.call([&] { return (gate = std::make_unique<Gate>(server.loop())) != nullptr; });
  RawClient idle(server.port());
  idle.send(kGet);
  idle.receive_until("hello");
  RawClient busy(server.port());
  busy.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(server.wait_until([&] { return gate->is_entered.load(); }));

  std::atomic<bool> drained = false;
  server.loop().post([&] { server.loop().spawn(drain(server.server(), std::chrono::minutes(1), drained)); });
  EXPECT_EQ(idle.receive_all(), "");
  EXPECT_FALSE(idle.was_silent());
  EXPECT_FALSE(drained);
  server.loop().post([&] { gate->opened.notify(); });
  const std::string answer = busy.receive_all();
  EXPECT_TRUE(answer.ends_with("late")) << answer;
  EXPECT_TRUE(answer.contains("Connection: close")) << answer;
  EXPECT_TRUE(server.wait_until([&] { return drained.load(); }));
  server.stop();
}

TEST(Drain, CutsWhatDoesNotEnd) {
  RunningServer server(talk_endlessly);
  RawClient client(server.port());
  client.send(kGet);
  ASSERT_FALSE(client.receive().empty());
  std::atomic<bool> drained = false;
  server.loop().post([&] { server.loop().spawn(drain(server.server(), milliseconds(30), drained)); });
  EXPECT_TRUE(server.wait_until([&] { return drained.load(); }));
  EXPECT_TRUE(server.wait_for_connections(0));
}

Task<Response> watch_peer(Request& request, Loop* loop, std::atomic<int>* state) {
  *state = request.is_connected() ? 1 : -1;
  for (int i = 0; i < 2000 && request.is_connected(); ++i) co_await loop->sleep(milliseconds(2));
  *state = request.is_connected() ? -2 : 2;
  co_return Response{.body = "unheard"};
}

TEST(Server, NoticesThatTheAskerHasGone) {
  Loop* loop = nullptr;
  std::atomic<int> state = 0;
  RunningServer server([&](Request& request) { return watch_peer(request, loop, &state); });
  loop = &server.loop();
  {
    RawClient client(server.port());
    client.send(kGet);
    ASSERT_TRUE(server.wait_until([&] { return state == 1; }));
  }
  EXPECT_TRUE(server.wait_until([&] { return state == 2; }));
}

// ASan says so if anything is left or touched.
TEST(Server, MayBeStoppedWhileEverythingWaits) {
  std::unique_ptr<Gate> gate;
  auto server = std::make_unique<RunningServer>([&](Request& request) {
    return request.head().path == "/gate" ? wait_at(gate.get()) : talk_endlessly(request);
  });
  server->call([&] { return (gate = std::make_unique<Gate>(server->loop())) != nullptr; });
  const RawClient silent(server->port());
  const RawClient half(server->port());
  half.send("GET / HTTP/1.1\r\nHo");
  const RawClient waiting(server->port());
  waiting.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
  const RawClient unread(server->port());
  unread.send(kGet);
  ASSERT_TRUE(server->wait_for_connections(4));
  ASSERT_TRUE(server->wait_until([&] { return gate->is_entered.load(); }));
  server.reset();
}

TEST(ServerLimits, ANetworkOfIpv6CountsAsOneAddress) {
  EXPECT_EQ(address_group("2001:db8::1"), address_group("2001:db8::ffff:2"));
  EXPECT_NE(address_group("2001:db8::1"), address_group("2001:db8:0:1::1"));
  EXPECT_EQ(address_group("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(address_group(""), "");
}

}  // namespace
}  // namespace kachery
