// What tests of the server share: a server on a thread of its own, and a client that sends raw bytes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/server.h"

namespace kachery {

inline ServerLimits test_limits() {
  using std::chrono::milliseconds;
  return {.connections_max = 1000,
          .connections_per_address_max = 64,
          .header_bytes_max = 16 << 10,
          .header_fields_max = 100,
          .header_wait_max = milliseconds(10'000),
          .idle_wait_max = milliseconds(10'000),
          .stall_wait_max = milliseconds(10'000),
          .body_rate_min = 500};
}

using Handler = std::function<Task<Response>(Request&)>;

// A request that the handler saw.
struct Seen {
  RequestHead head;
  std::string body;
};

// Runs until it is destroyed. Its lists are filled on the network thread, and read under the lock.
class RunningServer {
 public:
  explicit RunningServer(Handler handler, ServerLimits limits = test_limits(),
                         std::vector<std::string> trusted_proxies = {},
                         std::shared_ptr<const TlsIdentity> tls = nullptr)
      : server_({.loop = loop_,
                 .limits = limits,
                 .trusted_proxies = std::move(trusted_proxies),
                 .handle = std::move(handler),
                 .on_refused = [this](const std::string&, const Error& error) {
                   const std::scoped_lock lock(mutex_);
                   refused_.push_back(error);
                   changed_.notify_all();
                 }}) {
    const Result<std::uint16_t> port = server_.listen("127.0.0.1", 0, std::move(tls));
    EXPECT_TRUE(port) << port.error().message;
    port_ = port.value_or(0);
    thread_ = std::jthread([this] { loop_.run(); });
  }
  ~RunningServer() { stop(); }

  void stop() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port() const { return port_; }
  Loop& loop() { return loop_; }
  Server& server() { return server_; }

  // On the network thread.
  template <class Work>
  auto call(Work work) {
    std::optional<std::invoke_result_t<Work&>> result;
    loop_.post([&] {
      const std::scoped_lock lock(mutex_);
      result.emplace(work());
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return result.has_value(); });
    return *std::move(result);
  }

  bool wait_for_connections(std::size_t count) {
    return wait_until([&] { return call([&] { return server_.connections(); }) == count; });
  }
  std::vector<Error> refused() {
    const std::scoped_lock lock(mutex_);
    return refused_;
  }

  template <class Condition>
  static bool wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

 private:
  Loop loop_{2};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Error> refused_;
  Server server_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

// A socket that sends and receives what it is told to. Every wait ends after 10 s.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { ::close(fd_); }

  // False if the peer has gone.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end() const { ::shutdown(fd_, SHUT_WR); }

  // What comes next; empty at the end, or when nothing comes.
  std::string receive() {
    pollfd asked{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&asked, 1, 10'000) != 1) {
      was_silent_ = true;
      return {};
    }
    std::string piece(64 << 10, '\0');
    const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
    was_reset_ = got < 0;
    piece.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return piece;
  }
  std::string receive_until(std::string_view end) {
    std::string all;
    while (!all.contains(end)) {
      const std::string piece = receive();
      if (piece.empty()) break;
      all += piece;
    }
    return all;
  }
  std::string receive_all() {
    std::string all;
    for (;;) {
      const std::string piece = receive();
      if (piece.empty()) return all;
      all += piece;
    }
  }
  bool was_reset() const { return was_reset_; }
  bool was_silent() const { return was_silent_; }  // The peer neither sent anything nor closed.
  int fd() const { return fd_; }

 private:
  int fd_;
  bool was_reset_ = false;
  bool was_silent_ = false;
};

}  // namespace kachery
