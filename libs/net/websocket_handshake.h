// How a connection becomes a WebSocket. Inside net only.
#pragma once

#include <memory>
#include <string>

#include "net/http.h"
#include "net/stream.h"
#include "net/websocket_client.h"

namespace kachery {

// The server's side: answers the request with 101. `subprotocol` may be empty. Both must outlive the call.
Task<Result<std::unique_ptr<WebSocket>>> accept_websocket(Loop& loop, std::shared_ptr<Stream> stream,
                                                          const RequestHead& head, std::string subprotocol,
                                                          WebSocketLimits limits);

// The client's side. `request` must outlive the call.
Task<Result<WebSocketAnswer>> request_websocket(Loop& loop, std::shared_ptr<Stream> stream,
                                                const WebSocketRequest& request, WebSocketLimits limits);

}  // namespace kachery
