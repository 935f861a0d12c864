#include "net/dial.h"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/text.h"
#include "net/input_buffer.h"
#include "net/tcp_stream.h"

namespace kachery {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kProxyAnswerMax = 16 << 10;

// Calls `end` at its time, unless it is destroyed before.
class Deadline {
 public:
  Deadline(Loop& loop, TimePoint at, std::function<void()> end)
      : state_(std::make_shared<State>(asio::steady_timer(loop.context(), at), std::move(end))) {
    state_->timer.async_wait([state = state_](error_code) {
      if (!state->end) return;
      state->has_passed = true;
      state->end();
    });
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() {
    state_->end = nullptr;
    state_->timer.cancel();
  }

  bool has_passed() const { return state_->has_passed; }

 private:
  struct State {
    asio::steady_timer timer;
    std::function<void()> end;
    bool has_passed = false;
  };
  std::shared_ptr<State> state_;  // Owned by this and by the wait of its timer.
};

std::string host_of(const Url& url) {
  return url.host.starts_with('[') ? url.host.substr(1, url.host.size() - 2) : url.host;
}

struct Lookup {
  explicit Lookup(Loop& loop) : resolver(loop.context()), has_ended(loop) {}

  tcp::resolver resolver;
  Signal has_ended;
  std::optional<error_code> error;  // None: it goes on.
  tcp::resolver::results_type found;
};

// Dials once; what it says begins with whom it is for.
class Dialling {
 public:
  Dialling(Loop& loop, Url server, std::optional<Url> proxy, TimePoint deadline)
      : loop_(loop), server_(std::move(server)), proxy_(std::move(proxy)), deadline_(deadline) {}

  Task<Result<std::shared_ptr<Stream>>> run();

 private:
  Task<Result<tcp::resolver::results_type>> look_up(const Url& url);
  Task<Result<tcp::socket>> connect(const Url& url);
  Task<Result<>> ask_for_tunnel(tcp::socket& socket);
  Task<Result<std::string>> exchange_with_proxy(tcp::socket& socket);
  Task<Result<std::shared_ptr<Stream>>> speak_tls(tcp::socket socket);

  std::string what() const {
    return proxy_ ? fmt::format("cannot connect to {} through the proxy {}", server_.str(), proxy_->str())
                  : fmt::format("cannot connect to {}", server_.str());
  }
  std::unexpected<Error> unavailable(std::string_view why, std::string_view advice) const {
    return fail(Code::unavailable, fmt::format("{}: {}. {}", what(), why, advice));
  }
  std::unexpected<Error> too_late() const {
    return fail(Code::timed_out,
                fmt::format("{}: it takes too long. Check the address, and this machine's network", what()));
  }

  Loop& loop_;
  Url server_;
  std::optional<Url> proxy_;
  TimePoint deadline_;
};

// Nothing can stop the system's lookup; when its time is over it goes on without us.
Task<Result<tcp::resolver::results_type>> Dialling::look_up(const Url& url) {
  const auto lookup = std::make_shared<Lookup>(loop_);  // Owned by this and by the resolver's work.
  const auto keep = [lookup](error_code error, tcp::resolver::results_type found) {
    lookup->error = error;
    lookup->found = std::move(found);
    lookup->has_ended.notify();
  };
  lookup->resolver.async_resolve(host_of(url), std::to_string(url.port), keep);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - steady_clock::now());
  const bool has_ended = co_await lookup->has_ended.wait(left);
  if (!has_ended) co_return too_late();
  if (*lookup->error)
    co_return unavailable(fmt::format("no host {} is known ({})", url.host, lookup->error->message()),
                          "Check the address, and this machine's network");
  co_return lookup->found;
}

Task<Result<tcp::socket>> Dialling::connect(const Url& url) {
  KACHERY_CO_TRY(found, co_await look_up(url));
  tcp::socket socket(loop_.context());
  const auto give_up = [&socket] {
    error_code ignored;
    socket.close(ignored);
  };
  const Deadline limit(loop_, deadline_, give_up);
  Operation connecting([&](WhenDone done) {
    asio::async_connect(
        socket, found,
        [done = std::move(done)](error_code error, const tcp::endpoint&) mutable { done({error, 0}); });
  });
  const IoOutcome outcome = co_await connecting;
  if (limit.has_passed()) co_return too_late();
  if (outcome.error)
    co_return unavailable(fmt::format("nobody answers at {} ({})", url.authority(), outcome.error.message()),
                          "Check the address, and whether the server runs");
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  co_return std::move(socket);
}

// The head of the proxy's answer.
Task<Result<std::string>> Dialling::exchange_with_proxy(tcp::socket& socket) {
  const std::string target = fmt::format("{}:{}", server_.host, server_.port);
  const std::string ask = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", target);
  const auto give_up = [&socket] { abort_socket(socket); };
  const Deadline limit(loop_, deadline_, give_up);
  // So short that it goes as a whole into a new connection's buffer.
  Operation asking([&](WhenDone done) {
    socket.async_write_some(
        asio::buffer(ask),
        [done = std::move(done)](error_code error, std::size_t bytes) mutable { done({error, bytes}); });
  });
  const IoOutcome asked = co_await asking;
  bool goes_on = !asked.error && asked.bytes == ask.size();
  InputBuffer answer;
  while (goes_on && !answer.bytes().contains("\r\n\r\n") && answer.bytes().size() < kProxyAnswerMax) {
    const std::span<std::byte> room = answer.room(kProxyAnswerMax);
    Operation reading([&](WhenDone done) {
      socket.async_read_some(
          asio::buffer(room.data(), room.size()),
          [done = std::move(done)](error_code error, std::size_t bytes) mutable { done({error, bytes}); });
    });
    const IoOutcome outcome = co_await reading;
    goes_on = !outcome.error && outcome.bytes > 0;
    answer.add(outcome.bytes);
  }
  if (limit.has_passed()) co_return too_late();
  co_return std::string(answer.bytes());
}

Task<Result<>> Dialling::ask_for_tunnel(tcp::socket& socket) {
  KACHERY_CO_TRY(answer, co_await exchange_with_proxy(socket));
  const std::string_view line = std::string_view(answer).substr(0, answer.find("\r\n"));
  // "HTTP/1.1 200 OK", of which the words may be missing.
  constexpr std::size_t kStatus = 9;
  const bool is_http = line.starts_with("HTTP/1.") && line.size() >= kStatus + 3;
  if (!is_http)
    co_return unavailable("the proxy does not speak HTTP, or hung up", "Check the proxy's address");
  if (line[kStatus] != '2')
    co_return unavailable(
        fmt::format("the proxy makes no tunnel; it says: {}", printable(line.substr(kStatus))),
        "Ask whoever runs the proxy whether it may lead there");
  // Nobody has said anything to the server yet, so it cannot have answered.
  if (!answer.ends_with("\r\n\r\n") || answer.find("\r\n\r\n") + 4 != answer.size())
    co_return unavailable("the proxy's answer has no proper end", "Check the proxy's address");
  co_return Result<>();
}

Task<Result<std::shared_ptr<Stream>>> Dialling::speak_tls(tcp::socket socket) {
  const auto trust = std::make_shared<ServerTrust>();  // Owned by this and by the stream.
  trust->pin = server_.pin;
  KACHERY_CO_TRY(made, make_tls_client_stream(std::move(socket), host_of(server_), trust));
  const std::shared_ptr<Stream> stream = std::move(made);  // Owned by whoever connects.
  const auto give_up = [&stream] { stream->abort(); };
  const Deadline limit(loop_, deadline_, give_up);
  Operation shaking([&](WhenDone done) { stream->start_handshake(std::move(done)); });
  const IoOutcome outcome = co_await shaking;
  if (limit.has_passed()) co_return too_late();
  if (trust->refusal) co_return fail(Code::denied, fmt::format("{}: {}", what(), *trust->refusal));
  if (outcome.error)
    co_return unavailable(fmt::format("no secure connection could be made ({})", outcome.error.message()),
                          "Check whether it is https that is spoken there");
  co_return stream;
}

Task<Result<std::shared_ptr<Stream>>> Dialling::run() {
  if (proxy_ && proxy_->secure)
    co_return fail(Code::invalid, fmt::format("{}: a proxy is spoken to by plain http", what()));
  const Url& next = proxy_ ? *proxy_ : server_;
  KACHERY_CO_TRY(socket, co_await connect(next));
  if (proxy_) {
    KACHERY_CO_TRY(co_await ask_for_tunnel(socket));
  }
  if (!server_.secure) co_return std::shared_ptr<Stream>(make_tcp_stream(std::move(socket)));
  Task<Result<std::shared_ptr<Stream>>> speaking = speak_tls(std::move(socket));
  auto stream = co_await speaking;
  co_return stream;
}

}  // namespace

Task<Result<std::shared_ptr<Stream>>> dial(Loop& loop, Url server, std::optional<Url> proxy,
                                           TimePoint deadline) {
  Dialling dialling(loop, std::move(server), std::move(proxy), deadline);
  auto stream = co_await dialling.run();
  co_return stream;
}

}  // namespace kachery
