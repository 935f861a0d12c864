// HttpClient: requests to others, one at a time a call, connections kept between them. By libcurl.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/bytes.h"
#include "core/error.h"
#include "net/http.h"

namespace kachery {

struct ClientLimits {
  std::chrono::milliseconds connect_wait_max{10'000};
  std::chrono::milliseconds stall_wait_max{30'000};  // While no byte comes or goes.
  std::size_t connections_idle_max = 16;             // Kept for the next request.
};

struct ClientRequest {
  Method method = Method::get;
  std::string url;
  HttpFields fields = {};
  // The body, of POST and PUT: bytes in memory, or what `read` gives, `body_size` in all. `read` fills its
  // argument; it starts again at the beginning when `rewind` was called. Without `rewind` a body is not sent
  // a second time, such as when a kept connection turns out to be closed.
  ByteView body = {};
  std::function<Result<std::size_t>(std::span<std::byte>)> read = {};
  std::function<void()> rewind = {};
  ByteCount body_size = 0;
  // The answer without so many bytes at its beginning (Range, RFC 9110 section 14). One that begins elsewhere
  // is refused before any of it is taken: Code::corrupt.
  ByteCount from = 0;
  // The whole of the request and its answer; none: as long as bytes flow.
  std::optional<std::chrono::milliseconds> wait_max = {};
};

struct ClientResponse {
  int status;
  HttpFields fields;
  std::string body;  // Empty where a sink took it.
};

// Takes the body of a successful answer (2xx), in pieces. A failure of it ends the request and is returned.
using BodySink = std::function<Result<>(ByteView)>;

// Blocking and thread-safe: any number of threads send at once, each with a connection of its own; there are
// no threads inside. Never across a fork: make another. HTTPS_PROXY and its kin are honoured; TLS is 1.2 or
// later, always verified.
class HttpClient {
 public:
  // With a pin (64 digits, net/url.h) that key is what is trusted, instead of certificate authorities.
  explicit HttpClient(std::optional<std::string> pin = std::nullopt, const ClientLimits& limits = {});
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // Any answer, whatever its status, is a success here. Redirects are not followed. Code::unavailable if
  // nobody answers, or the connection breaks; Code::timed_out; Code::cancelled within a second of `cancel`;
  // Code::denied if the certificate is not the right one; Code::exhausted if an answer without a sink is
  // longer than 64 MiB. Messages name scheme, host and path, never the query.
  Result<ClientResponse> send(const ClientRequest& request, const std::atomic<bool>& cancel,
                              const BodySink* sink = nullptr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kachery
