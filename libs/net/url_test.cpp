#include "net/url.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kachery {
namespace {

const std::string kPin(64, 'a');

std::string printed(std::string_view text) {
  const auto url = Url::parse(text);
  return url ? url->pinned() : url.error().message;
}

TEST(Url, IsWrittenInOneWay) {
  EXPECT_EQ(printed("https://hub.example"), "https://hub.example");
  EXPECT_EQ(printed("HTTPS://Hub.Example:443/"), "https://hub.example");
  EXPECT_EQ(printed("http://hub.example:80"), "http://hub.example");
  EXPECT_EQ(printed("http://hub.example:443"), "http://hub.example:443");
  EXPECT_EQ(printed("https://hub.example:8443/a/b/"), "https://hub.example:8443/a/b");
  EXPECT_EQ(printed("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
  EXPECT_EQ(printed("http://[0:0:0:0:0:0:0:1]:8080"), "http://[::1]:8080");
  EXPECT_EQ(printed("https://[2001:DB8::A]/x"), "https://[2001:db8::a]/x");
  EXPECT_EQ(printed("https://xn--hb-xka.example"), "https://xn--hb-xka.example");
  EXPECT_EQ(printed("https://lab_hub:8443#" + std::string(64, 'A')), "https://lab_hub:8443#" + kPin);
}

// RFC 9421, section 2.2.3.
TEST(Url, HasTheAuthorityThatIsSigned) {
  EXPECT_EQ(Url::parse("https://www.example.com/")->authority(), "www.example.com");
  EXPECT_EQ(Url::parse("https://WWW.example.com:443/")->authority(), "www.example.com");
  EXPECT_EQ(Url::parse("https://www.example.com:80")->authority(), "www.example.com:80");
  EXPECT_EQ(Url::parse("http://[::1]:80")->authority(), "[::1]");
}

TEST(Url, ThatIsNotAHubsIsRefused) {
  for (const std::string& text : {std::string(),
                                  std::string("hub.example"),
                                  std::string("hub.example:8080"),
                                  std::string("https:"),
                                  std::string("https://"),
                                  std::string("https:hub.example"),
                                  std::string("https:///x"),
                                  std::string("ftp://hub.example"),
                                  std::string("file:///etc/passwd"),
                                  std::string("javascript:alert(1)"),
                                  std::string("https://hub.example?x=1"),
                                  std::string("https://hub.example/?"),
                                  std::string("https://hub.example#"),
                                  std::string("https://hub.example#short"),
                                  "http://hub.example#" + kPin,
                                  "https://hub.example#" + kPin + "0",
                                  "https://hub.example##" + kPin,
                                  std::string("https://user@hub.example"),
                                  std::string("https://@hub.example"),
                                  std::string("https://user:secret@hub.example"),
                                  std::string("https://hub.example:"),
                                  std::string("https://hub.example:0"),
                                  std::string("https://hub.example:65536"),
                                  std::string("https://hub.example:99999999999999999999"),
                                  std::string("https://hub.example:80x"),
                                  std::string("https://hub.example:-1"),
                                  std::string("https://hub..example"),
                                  std::string("https://hub.example."),
                                  std::string("https://-hub.example"),
                                  std::string("https://hub%2eexample"),
                                  std::string("https://hub%00.example"),
                                  std::string("https://127.1"),
                                  std::string("https://2130706433"),
                                  std::string("https://0x7f000001"),
                                  std::string("https://256.0.0.1"),
                                  std::string("https://127.0.0.1.example"),
                                  std::string("https://1.2.3.4.5"),
                                  std::string("https://[::1"),
                                  std::string("https://[::1]x"),
                                  std::string("https://[fe80::1%25eth0]"),
                                  std::string("https://[v1.a]"),
                                  std::string("https://hub.example//x"),
                                  std::string("https://hub.example/x//"),
                                  std::string("https://hub.example/./x"),
                                  std::string("https://hub.example/a/../b"),
                                  std::string("https://hub.example/%2e%2e"),
                                  std::string("https://hub.example/a;b"),
                                  std::string("https://hub.example/a b"),
                                  std::string(" https://hub.example"),
                                  std::string("https://hub.example\n"),
                                  std::string("https://hub.example\r\nHost: x"),
                                  std::string("https://hub\0.example", 20),
                                  std::string("https://hub\\example"),
                                  "https://" + std::string(64, 'a') + ".example",
                                  "https://" + std::string(2000, 'a')}) {
    const auto url = Url::parse(text);
    ASSERT_FALSE(url) << text << " became " << url->pinned();
    EXPECT_EQ(url.error().code, Code::invalid);
    EXPECT_EQ(url.error().message.find('\n'), std::string::npos);
  }
}

TEST(Url, InAnotherScriptIsRefusedWithASentenceThatHelps) {
  const auto url = Url::parse(
      "https://h\xC3\xBC"
      "b.example");
  ASSERT_FALSE(url);
  EXPECT_NE(url.error().message.find("xn--"), std::string::npos) << url.error().message;
}

TEST(Url, ShowsNoPasswordAndNoQueryInMessages) {
  for (const char* text : {"https://user:sesqui@hub.example", "https://hub.example?token=sesqui",
                           "https://user:ses qui@hub.example", "ftp://x?sesqui", "https://hub\x80?sesqui"})
    EXPECT_EQ(printed(text).find("qui"), std::string::npos) << printed(text);
}

TEST(Url, KnowsThisMachineByItsVeryNames) {
  for (const char* text : {"http://127.0.0.1", "http://127.255.1.2:8080", "http://localhost:1",
                           "http://[::1]", "http://LOCALHOST"})
    EXPECT_TRUE(Url::parse(text)->is_loopback()) << text;
  for (const char* text : {"http://128.0.0.1", "http://localhost.example", "http://[::2]", "http://0.0.0.0",
                           "http://[::ffff:127.0.0.1]", "http://hub.example"})
    EXPECT_FALSE(Url::parse(text)->is_loopback()) << text;
}

rc::Gen<std::string> text_of(const std::string& letters, int size_max) {
  return rc::gen::mapcat(rc::gen::inRange(1, size_max + 1), [=](int size) {
    return rc::gen::container<std::string>(static_cast<std::size_t>(size), rc::gen::elementOf(letters));
  });
}

TEST(Url, ReadsWhatItPrints) {
  EXPECT_TRUE(rc::check([] {
    const auto host = rc::gen::oneOf(
        text_of("abcxyz", 20), rc::gen::map(rc::gen::arbitrary<std::uint32_t>(), [](std::uint32_t n) {
          return std::to_string(n >> 24) + "." + std::to_string(n >> 16 & 255U) + "." +
                 std::to_string(n >> 8 & 255U) + "." + std::to_string(n & 255U);
        }));
    Url url{.secure = *rc::gen::arbitrary<bool>(),
            .host = *host,
            .port = *rc::gen::inRange<std::uint16_t>(1, 65535),
            .prefix = {},
            .pin = {}};
    for (const std::string& part : *rc::gen::container<std::vector<std::string>>(text_of("aB9-_~", 8)))
      url.prefix += "/" + part;
    if (url.prefix.size() > 500) url.prefix.clear();
    if (url.secure && *rc::gen::arbitrary<bool>()) url.pin = kPin;
    const auto again = Url::parse(url.pinned());
    RC_ASSERT(again);
    RC_ASSERT(*again == url);
    RC_ASSERT(Url::parse(url.str())->str() == url.str());
  }));
}

// Whatever is taken is written in a form that means the same.
TEST(Url, OfAnyTextIsRefusedOrMeansOneThing) {
  EXPECT_TRUE(rc::check([](std::string rest) {
    const auto url = Url::parse("https://" + rest);
    if (!url) return;
    const auto again = Url::parse(url->pinned());
    RC_ASSERT(again);
    RC_ASSERT(*again == *url);
  }));
}

}  // namespace
}  // namespace kachery
