#include "hub/addresses.h"

#include <gtest/gtest.h>

namespace kachery::hub {
namespace {

HubSettings settings(const std::string& listen) {
  return {.directory = "/d", .listen = *Listen::parse(listen)};
}

TEST(Listen, IsAHostAndAPort) {
  const auto parsed = [](const char* text) {
    const auto listen = Listen::parse(text);
    return listen ? listen->host + " " + std::to_string(listen->port) : "refused";
  };
  EXPECT_EQ(parsed("127.0.0.1:8080"), "127.0.0.1 8080");
  EXPECT_EQ(parsed("0.0.0.0:0"), "0.0.0.0 0");
  EXPECT_EQ(parsed("[::1]:8080"), "::1 8080");
  EXPECT_EQ(parsed("hub.example:443"), "hub.example 443");
  for (const char* wrong :
       {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8080",
        "[127.0.0.1]:80", "a b:80", "user@host:80", "host/path:80", "host:80/path", "host:80#x"})
    EXPECT_EQ(parsed(wrong), "refused") << wrong;
}

// Nobody serves data in the clear to other machines without having said so.
TEST(Transport, IsPlainOnLoopbackOnly) {
  for (const char* loopback : {"127.0.0.1:0", "127.5.5.5:0", "[::1]:0", "localhost:0"})
    EXPECT_EQ(transport_of(settings(loopback)).value(), Transport::plain) << loopback;
  for (const char* other : {"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "hub.example:0", "localhost.example:0"}) {
    HubSettings asked = settings(other);
    EXPECT_EQ(transport_of(asked).value(), Transport::self_signed) << other;
    asked.insecure_http = true;
    EXPECT_EQ(transport_of(asked).value(), Transport::plain) << other;
  }
}

TEST(Transport, TakesACertificateWithItsKey) {
  HubSettings asked = settings("127.0.0.1:0");
  asked.certificate = "/c.pem";
  EXPECT_TRUE(transport_of(asked).error().message.contains("without --private-key"));
  asked.private_key = "/k.pem";
  EXPECT_EQ(transport_of(asked).value(), Transport::certificate_files);
  asked.insecure_http = true;
  EXPECT_EQ(transport_of(asked).error().code, Code::invalid);
  asked = settings("127.0.0.1:0");
  asked.private_key = "/k.pem";
  EXPECT_TRUE(transport_of(asked).error().message.contains("without --certificate"));
}

std::vector<std::string> texts(const std::vector<Url>& urls) {
  std::vector<std::string> all;
  for (const Url& url : urls) all.push_back(url.str());
  return all;
}

TEST(PublicUrls, AreThoseByWhichTheHubCanBeReached) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts(*default_public_urls({"127.0.0.1", 80}, false)),
            (Texts{"http://127.0.0.1", "http://localhost"}));
  EXPECT_EQ(texts(*default_public_urls({"localhost", 81}, false)),
            (Texts{"http://localhost:81", "http://127.0.0.1:81"}));
  EXPECT_EQ(texts(*default_public_urls({"192.0.2.1", 443}, true)), (Texts{"https://192.0.2.1"}));
  EXPECT_EQ(texts(*default_public_urls({"::1", 81}, false)),
            (Texts{"http://[::1]:81", "http://127.0.0.1:81", "http://localhost:81"}));
}

// A certificate that we make is good for each of them.
TEST(PublicUrls, GiveTheNamesOfTheCertificate) {
  const std::vector<Url> urls{*Url::parse("https://hub.example:8443/a"), *Url::parse("https://[::1]:1"),
                              *Url::parse("https://hub.example")};
  EXPECT_EQ(certificate_hosts(urls), (std::vector<std::string>{"hub.example", "::1"}));
}

TEST(LocalUrl, LeadsToTheHubOnItsOwnMachine) {
  EXPECT_EQ(local_url({"0.0.0.0", 8443}, true)->str(), "https://127.0.0.1:8443");
  EXPECT_EQ(local_url({"::", 8443}, true)->str(), "https://[::1]:8443");
  EXPECT_EQ(local_url({"192.0.2.1", 8080}, false)->str(), "http://192.0.2.1:8080");
}

}  // namespace
}  // namespace kachery::hub
