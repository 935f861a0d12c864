#include "net/websocket_client.h"

#include <algorithm>

#include "net/dial.h"
#include "net/websocket_handshake.h"

namespace kachery {
namespace {

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

bool may_be_sent(const WebSocketRequest& request) {
  return request.path.starts_with('/') && is_printable_ascii(request.path) &&
         is_printable_ascii(request.query) && is_printable_ascii(request.subprotocol);
}

}  // namespace

Task<Result<WebSocketAnswer>> connect_websocket(Loop& loop, WebSocketRequest request,
                                                WebSocketLimits limits) {
  KACHERY_ASSERT(may_be_sent(request));
  const TimePoint deadline = std::chrono::steady_clock::now() + limits.handshake_wait_max;
  KACHERY_CO_TRY(stream, co_await dial(loop, request.server, request.proxy, deadline));
  auto answer = co_await request_websocket(loop, std::move(stream), request, limits);
  co_return answer;
}

}  // namespace kachery
