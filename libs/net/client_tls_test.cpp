// HttpClient and Server through TLS: what is trusted, and what is said where it is not.
#include <sys/socket.h>

#include <array>
#include <cstdlib>

#include "crypto/certificate.h"
#include "net/client.h"
#include "net/server_fixture.h"

namespace kachery {
namespace {

const std::atomic<bool> kGoOn = false;

Task<Response> answer_with_body(Request& request) {
  Result<std::string> body = co_await read_body(request, ByteCount{64} << 20);
  co_return Response{
      .status = 200, .fields = {}, .body = body ? request.head().path + *body : body.error().message};
}

// A server with a certificate that it made itself.
struct SecureServer {
  std::string fingerprint;
  std::unique_ptr<RunningServer> running;

  std::string url(const std::string& path) const {
    return "https://127.0.0.1:" + std::to_string(running->port()) + path;
  }
};

SecureServer secure_server() {
  auto made = make_self_signed(std::array{std::string("hub.example")});
  EXPECT_TRUE(made) << made.error().message;
  const std::string fingerprint = *certificate_fingerprint(made->certificate);
  auto tls = std::make_shared<const TlsIdentity>(std::move(made->certificate), std::move(made->private_key));
  return {fingerprint, std::make_unique<RunningServer>(answer_with_body, test_limits(),
                                                       std::vector<std::string>{}, std::move(tls))};
}

TEST(HttpClientTls, TrustsTheKeyThatIsPinned) {
  const SecureServer server = secure_server();
  HttpClient client(server.fingerprint);
  const std::string text(3'000'000, 'x');
  for (int i = 0; i < 3; ++i) {
    const auto response =
        client.send({.method = Method::post, .url = server.url("/x"), .body = as_bytes(text)}, kGoOn);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "/x" + text);
  }
}

TEST(HttpClientTls, RefusesAnotherKeyAndShowsBothFingerprints) {
  const SecureServer server = secure_server();
  const std::string other(64, 'a');
  HttpClient client(other);
  for (int i = 0; i < 2; ++i) {
    const auto response = client.send({.url = server.url("/x?token=sesqui")}, kGoOn);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Code::denied);
    for (const std::string& part : {server.fingerprint, other, "GET " + server.url("/x:")})
      EXPECT_TRUE(response.error().message.contains(part)) << response.error().message;
    EXPECT_FALSE(response.error().message.contains("sesqui"));
  }
}

TEST(HttpClientTls, TrustsNobodyWhoVouchesForHimself) {
  const SecureServer server = secure_server();
  HttpClient client;
  const auto response = client.send({.url = server.url("/x")}, kGoOn);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::denied);
  EXPECT_TRUE(response.error().message.contains("#FINGERPRINT")) << response.error().message;
}

// Takes one connection, and makes a tunnel of it: whatever host is asked for, it leads to `port` of this
// machine.
class Tunnel {
 public:
  explicit Tunnel(std::uint16_t port) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
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
    const std::string_view ready = "HTTP/1.1 200 OK\r\nX-Proxy: 1\r\n\r\n";
    ::send(client, ready.data(), ready.size(), MSG_NOSIGNAL);
    const RawClient server(port);
    while (pass(client, server.fd())) {
    }
    ::close(client);
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

  int listener_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::string asked_;
  std::jthread thread_;
};

TEST(HttpClientTls, TrustsTheKeyThatIsPinnedThroughAProxyToo) {
  const SecureServer server = secure_server();
  for (const std::string& pin : {server.fingerprint, std::string(64, 'a')}) {
    Tunnel tunnel(server.running->port());
    ::setenv("HTTPS_PROXY", tunnel.url().c_str(), 1);
    HttpClient client(pin);
    const auto response =
        client.send({.url = "https://hub.invalid:8443/x", .fields = {{"X-Secret", "sesqui"}}}, kGoOn);
    ::unsetenv("HTTPS_PROXY");
    if (pin != server.fingerprint) {
      ASSERT_FALSE(response);
      EXPECT_EQ(response.error().code, Code::denied) << response.error().message;
      continue;
    }
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "/x");
    EXPECT_EQ(response->fields.find("x-proxy"), nullptr) << "what the proxy says is not the answer";
    EXPECT_TRUE(tunnel.asked().starts_with("CONNECT hub.invalid:8443 HTTP/1.1\r\n")) << tunnel.asked();
    EXPECT_FALSE(tunnel.asked().contains("sesqui")) << "the proxy sees no field of the request";
  }
}

TEST(HttpClientTls, SaysWhereNoTlsIsSpoken) {
  RunningServer plain(answer_with_body);
  HttpClient client;
  const auto response = client.send({.url = "https://127.0.0.1:" + std::to_string(plain.port())}, kGoOn);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::unavailable);
  EXPECT_TRUE(response.error().message.contains("https")) << response.error().message;
}

}  // namespace
}  // namespace kachery
