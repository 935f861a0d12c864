// The client's side of WebSocket (net/websocket.h): who connects. RFC 6455 section 4.1.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "net/client.h"
#include "net/url.h"
#include "net/websocket.h"

namespace kachery {

struct WebSocketRequest {
  Url server;        // With its pin that key is what is trusted, else the system's certificate authorities.
  std::string path;  // What stands behind the server's prefix: "/v1/live".
  std::string query = {};        // Without the question mark.
  std::string subprotocol = {};  // What is offered, and must be taken; empty: none.
  HttpFields fields = {};
  // More fields, such as those of sign_request(): called once, on the network thread, with the fields that a
  // signature covers (Signable::upgrade). May be empty.
  std::function<HttpFields(const HttpFields& upgrade)> sign = {};
  // What makes a tunnel to the server (CONNECT, RFC 9110 section 9.3.6); plain http, without a pin. The
  // environment is not looked at.
  std::optional<Url> proxy = {};
};

// The WebSocket, or what the server answered instead: any answer but 101 is a success here, as it is with
// HttpClient.
using WebSocketAnswer = std::variant<std::unique_ptr<WebSocket>, ClientResponse>;

// Network thread only. The connection is to be there within `limits.handshake_wait_max`, and the answer
// within as much again. Code::unavailable if nobody answers or the proxy makes no tunnel, Code::timed_out,
// Code::denied if the certificate is not the right one, Code::invalid if what answers does not keep to the
// protocol, or takes another subprotocol. Messages name the address, never the query. A lookup of a name that
// hangs keeps the loop from ending, but not this call.
Task<Result<WebSocketAnswer>> connect_websocket(Loop& loop, WebSocketRequest request, WebSocketLimits limits);

}  // namespace kachery
