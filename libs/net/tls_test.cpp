// The server through TLS, with a client that trusts nothing but the server's key.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>

#include "crypto/certificate.h"
#include "net/client.h"
#include "net/server_fixture.h"

namespace kachery {
namespace {

struct Identity {
  std::shared_ptr<const TlsIdentity> tls;
  std::string pin;
};

Identity make_identity() {
  const std::array<std::string, 1> hosts{"127.0.0.1"};
  Result<SelfSigned> made = make_self_signed(hosts);
  EXPECT_TRUE(made);
  const Result<std::string> pin = certificate_fingerprint(made->certificate);
  EXPECT_TRUE(pin);
  return {std::make_shared<TlsIdentity>(TlsIdentity{made->certificate, std::move(made->private_key)}), *pin};
}

Task<Response> echo(Request& request) {
  const Result<std::string> body = co_await read_body(request, 64 << 20);
  if (!body) co_return Response{.status = http_status(body.error().code), .body = body.error().message};
  co_return Response{.body = (request.head().secure ? "secure " : "plain ") + *body};
}

TEST(Tls, CarriesBodiesBothWaysAndKeepsConnections) {
  const Identity identity = make_identity();
  RunningServer server(echo, test_limits(), {}, identity.tls);
  HttpClient client(identity.pin);
  const std::atomic<bool> cancel = false;
  for (const std::size_t size : {0U, 1U, 16'384U, 5'000'000U}) {
    const std::string body(size, 'b');
    ClientRequest request;
    request.method = Method::put;
    request.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/x";
    request.body = as_bytes(body);
    const Result<ClientResponse> answer = client.send(request, cancel);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_TRUE(answer->body == "secure " + body) << size;
  }
  EXPECT_EQ(server.call([&] { return server.server().connections(); }), 1U);
}

TEST(Tls, WhoDoesNotSpeakItIsRefusedAndCounted) {
  const Identity identity = make_identity();
  RunningServer server(echo, test_limits(), {}, identity.tls);
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_FALSE(client.receive_all().contains("HTTP/1.1 200"));
  EXPECT_TRUE(server.wait_until([&] { return server.refused().size() == 1; }));
  EXPECT_EQ(server.refused().front().code, Code::denied);
}

TEST(Tls, AHandshakeMustEndInTime) {
  const Identity identity = make_identity();
  ServerLimits limits = test_limits();
  limits.header_wait_max = std::chrono::milliseconds(50);
  RunningServer server(echo, limits, {}, identity.tls);
  RawClient client(server.port());
  client.send("\x16\x03\x01");
  EXPECT_FALSE(client.receive_all().contains("HTTP"));
  EXPECT_FALSE(client.was_silent());
}

TEST(Tls, ACertificateThatIsNoneIsSaidBeforeAnybodyConnects) {
  Loop loop(1);
  Server server({.loop = loop, .limits = test_limits(), .trusted_proxies = {}, .handle = echo});
  const Identity one = make_identity();
  const Identity other = make_identity();
  const auto swapped = std::make_shared<TlsIdentity>(
      TlsIdentity{one.tls->certificate_chain, Secret(other.tls->private_key.bytes())});
  const auto nonsense = std::make_shared<TlsIdentity>(TlsIdentity{"nonsense", Secret(as_bytes("nonsense"))});
  for (const auto& identity : {swapped, nonsense}) {
    const auto listening = server.listen("127.0.0.1", 0, identity);
    ASSERT_FALSE(listening);
    EXPECT_EQ(listening.error().code, Code::invalid);
  }
}

}  // namespace
}  // namespace kachery
