// The peer of tests/test_websocket_cases.py, which knows WebSocket (RFC 6455) by itself: sends every message
// back, with the limits that our programs have.
//   websocket_echo serve        prints its port, and serves on 127.0.0.1 until it is stopped
//   websocket_echo connect URL  connects again and again, until it is answered with anything but a WebSocket
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "net/server.h"
#include "net/websocket_client.h"

namespace {

using namespace kachery;
using std::chrono::milliseconds;

// A case that is stuck is the peer's to report.
constexpr milliseconds kPatience{60'000};

Task<> echo(WebSocket& socket) {
  for (;;) {
    Result<WebSocketMessage> message = co_await socket.receive();
    if (!message) co_return;
    const Result<> sent = co_await socket.send(*std::move(message));
    if (!sent) co_return;
  }
}

Task<Response> answer(Request& request) {
  const WebSocketLimits limits;
  auto socket = co_await request.upgrade("", limits);
  if (!socket) co_return Response{.status = http_status(socket.error().code), .body = socket.error().message};
  co_await echo(**socket);
  co_return Response{.status = kSwitchingProtocols};
}

int serve() {
  Loop loop(1);
  const ServerLimits limits{.connections_max = 100,
                            .connections_per_address_max = 100,
                            .header_bytes_max = 16 << 10,
                            .header_fields_max = 100,
                            .header_wait_max = kPatience,
                            .idle_wait_max = kPatience,
                            .stall_wait_max = kPatience,
                            .body_rate_min = 1};
  Server server({.loop = loop, .limits = limits, .trusted_proxies = {}, .handle = answer});
  const Result<std::uint16_t> port = server.listen("127.0.0.1", 0, nullptr);
  if (!port) {
    static_cast<void>(std::fprintf(stderr, "%s\n", port.error().message.c_str()));
    return 1;
  }
  static_cast<void>(std::printf("%d\n", *port));
  static_cast<void>(std::fflush(stdout));
  loop.run();
  return 0;
}

// `status` is that of the program.
Task<> connect_all(Loop& loop, Url server, int& status) {
  std::optional<int> end;
  while (!end) {
    WebSocketRequest request{.server = server, .path = "/"};
    const WebSocketLimits limits;
    Result<WebSocketAnswer> answered = co_await connect_websocket(loop, std::move(request), limits);
    if (!answered) {
      // A server that breaks the protocol at once is a case, too.
      if (answered.error().code == Code::unavailable) end = 1;
    } else if (auto* socket = std::get_if<std::unique_ptr<WebSocket>>(&*answered)) {
      co_await echo(**socket);
    } else {
      end = 0;
    }
  }
  status = *end;
  loop.stop();
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> arguments(words + 1, words + count);
  if (arguments == std::vector<std::string>{"serve"}) return serve();
  const Result<Url> url =
      arguments.size() == 2 && arguments.front() == "connect"
          ? Url::parse(arguments.back())
          : fail(Code::invalid, "usage: websocket_echo serve | websocket_echo connect URL");
  if (!url) {
    static_cast<void>(std::fprintf(stderr, "%s\n", url.error().message.c_str()));
    return 2;
  }
  Loop loop(1);
  int status = 1;
  loop.spawn(connect_all(loop, *url, status));
  loop.run();
  return status;
}
