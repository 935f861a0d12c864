// What tests of channels share: a server and a client of one loop, on the thread of the test, each with an
// end of one WebSocket.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>

#include "net/channel.h"
#include "net/server_fixture.h"
#include "net/websocket_client.h"

namespace kachery {

// What one side does; afterwards its connection is cut.
using Side = std::function<Task<>(Loop& loop, std::unique_ptr<WebSocket> socket)>;

class BothSides {
 public:
  // Until both have ended; false if that took longer than 20 s.
  bool run(Side server_side, Side client_side, const WebSocketLimits& limits = {}) {
    limits_ = limits;
    server_side_ = std::move(server_side);
    Server server(
        {.loop = loop_, .limits = test_limits(), .trusted_proxies = {}, .handle = [this](Request& request) {
           return serve(request);
         }});
    const Result<std::uint16_t> port = server.listen("127.0.0.1", 0, nullptr);
    EXPECT_TRUE(port) << port.error().message;
    WebSocketRequest request{
        .server = Url::parse(fmt::format("http://127.0.0.1:{}", port.value_or(0))).value(), .path = "/live"};
    loop_.spawn(connect(std::move(request), std::move(client_side)));
    loop_.spawn(give_up());
    loop_.run();
    return sides_ended_ == 2;
  }

 private:
  Task<Response> serve(Request& request) {
    auto socket = co_await request.upgrade("", limits_);
    EXPECT_TRUE(socket) << socket.error().message;
    if (socket) co_await server_side_(loop_, *std::move(socket));
    end_side();
    co_return Response{};
  }

  Task<> connect(WebSocketRequest request, Side client_side) {
    auto answer = co_await connect_websocket(loop_, std::move(request), limits_);
    EXPECT_TRUE(answer) << answer.error().message;
    if (answer) {
      auto socket = std::get<std::unique_ptr<WebSocket>>(*std::move(answer));
      co_await client_side(loop_, std::move(socket));
    }
    end_side();
  }

  void end_side() {
    if (++sides_ended_ == 2) loop_.stop();
  }

  Task<> give_up() {
    co_await loop_.sleep(std::chrono::milliseconds(20'000));
    loop_.stop();
  }

  Loop loop_{1};
  WebSocketLimits limits_;
  Side server_side_;
  int sides_ended_ = 0;
};

// Runs a task beside the one that spawns it, which can wait until it has ended.
class Beside {
 public:
  explicit Beside(Loop& loop) : loop_(loop), ended_(loop) {}

  void spawn(Task<> task) {
    ++running_;
    loop_.spawn(run(std::move(task)));
  }
  Task<> join() {
    while (running_ > 0) co_await ended_.wait(std::chrono::milliseconds(20'000));
  }

 private:
  Task<> run(Task<> task) {
    co_await task;
    --running_;
    ended_.notify();
  }

  Loop& loop_;
  Signal ended_;
  int running_ = 0;
};

}  // namespace kachery
