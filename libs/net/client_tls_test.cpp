// HttpClient and Server through TLS: what is trusted, and what is said where it is not.
#include <array>
#include <cstdlib>

#include "crypto/certificate.h"
#include "net/client.h"
#include "net/server_fixture.h"
#include "net/tunnel_fixture.h"

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
