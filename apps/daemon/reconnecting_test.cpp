#include "daemon/reconnecting.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace kachery::daemon {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, BeginsSoonAndGoesOnEvery30SecondsAtMost) {
  Backoff backoff;
  milliseconds longest = Backoff::kFirst;
  for (int i = 0; i < 12; ++i) {
    const milliseconds wait = backoff.next();
    EXPECT_LE(wait, longest) << i;
    EXPECT_GE(wait, longest / 2) << i;
    longest = std::min(longest * 2, milliseconds(30'000));
  }
  backoff.reset();
  EXPECT_LE(backoff.next(), Backoff::kFirst);
}

class ProxyOf : public testing::Test {
 protected:
  ProxyOf() { clear(); }
  ~ProxyOf() override { clear(); }

  static void clear() {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                             "ALL_PROXY", "no_proxy", "NO_PROXY"})
      ::unsetenv(name);
  }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
  static std::string of(const char* server) {
    const auto proxy = proxy_of(Url::parse(server).value());
    if (!proxy) return std::string(code_name(proxy.error().code));
    return *proxy ? (*proxy)->str() : "direct";
  }
};

TEST_F(ProxyOf, IsNoneIfNobodyNamesOne) {
  EXPECT_EQ(of("https://hub.example"), "direct");
  EXPECT_EQ(of("http://hub.example"), "direct");
}

TEST_F(ProxyOf, IsTheOneOfTheScheme) {
  set("HTTPS_PROXY", "http://proxy.example:3128");
  EXPECT_EQ(of("https://hub.example"), "http://proxy.example:3128");
  EXPECT_EQ(of("http://hub.example"), "direct");
  set("https_proxy", "other.example:3128");
  EXPECT_EQ(of("https://hub.example"), "http://other.example:3128") << "small letters count first";
  set("HTTP_PROXY", "http://proxy.example:3128");
  EXPECT_EQ(of("http://hub.example"), "direct") << "a server's clients can set it: CVE-2016-5385";
  set("ALL_PROXY", "http://all.example:1");
  EXPECT_EQ(of("http://hub.example"), "http://all.example:1");
}

TEST_F(ProxyOf, IsNoneForWhatIsExcepted) {
  set("HTTPS_PROXY", "http://proxy.example:3128");
  for (const char* exception :
       {"*", "hub.example", ".example", "example", "a.b, HUB.example", "hub.example,"}) {
    set("NO_PROXY", exception);
    EXPECT_EQ(of("https://hub.example:8443"), "direct") << exception;
  }
  for (const char* exception : {"ub.example", "a.hub.example", "hub", ","}) {
    set("NO_PROXY", exception);
    EXPECT_EQ(of("https://hub.example"), "http://proxy.example:3128") << exception;
  }
  set("NO_PROXY", "192.0.2.1,2001:db8::1");
  EXPECT_EQ(of("https://192.0.2.1:1"), "direct");
  EXPECT_EQ(of("https://[2001:db8::1]:1"), "direct");
  ::unsetenv("NO_PROXY");
  EXPECT_EQ(of("https://192.0.2.1:1"), "http://proxy.example:3128");
  EXPECT_EQ(of("https://127.0.0.1:1"), "direct") << "this machine";
}

TEST_F(ProxyOf, IsAnErrorWhereItIsNoAddress) {
  for (const char* proxy : {"socks5://proxy.example:1080", "https://proxy.example", "http://"}) {
    set("HTTPS_PROXY", proxy);
    EXPECT_EQ(of("https://hub.example"), "invalid") << proxy;
  }
}

}  // namespace
}  // namespace kachery::daemon
