// What tests of clients share: a proxy that makes tunnels.
#pragma once

#include <array>

#include "net/server_fixture.h"

namespace kachery {

// Takes one connection, and makes a tunnel of it: whatever host is asked for, it leads to `port` of this
// machine; port 0: nowhere, it hangs up behind its answer.
class Tunnel {
 public:
  explicit Tunnel(std::uint16_t port, std::string answer = "HTTP/1.1 200 OK\r\nX-Proxy: 1\r\n\r\n")
      : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this, port] { serve(port); });
  }
  ~Tunnel() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // What the client said to the proxy, once it has had its answer.
  std::string asked() {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }

 private:
  void serve(std::uint16_t port) {
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    std::array<char, 4096> piece{};
    std::string head;
    while (!head.contains("\r\n\r\n")) {
      const ssize_t got = ::recv(client, piece.data(), piece.size(), 0);
      if (got <= 0) break;
      head.append(piece.data(), static_cast<std::size_t>(got));
    }
    {
      const std::scoped_lock lock(mutex_);
      asked_ = head;
    }
    ::send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    if (port != 0) lead(client, port);
    ::close(client);
  }
  static void lead(int client, std::uint16_t port) {
    const RawClient server(port);
    while (pass(client, server.fd())) {
    }
  }
  // What either side says next, to the other. False when one has gone.
  static bool pass(int one, int other) {
    std::array<pollfd, 2> sides{{{one, POLLIN, 0}, {other, POLLIN, 0}}};
    if (::poll(sides.data(), sides.size(), 10'000) <= 0) return false;
    const bool from_one = sides[0].revents != 0;
    std::array<char, 4096> piece{};
    const ssize_t got = ::recv(from_one ? one : other, piece.data(), piece.size(), 0);
    return got > 0 &&
           ::send(from_one ? other : one, piece.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
  }

  const std::string answer_;
  int listener_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::string asked_;
  std::jthread thread_;
};

}  // namespace kachery
