#include "core/uri.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kachery {
namespace {

const std::string kHex = "6af826b3d648ccba6b4bbe58e93e22add640d728";
const std::string kName = "sha1://" + kHex;

TEST(Uri, ReadsTheFormsOfBothGenerations) {
  const auto label_of = [](const std::string& text) { return Uri::parse(text)->label; };
  EXPECT_EQ(label_of(kName), "");
  EXPECT_EQ(label_of(kName + "/file.txt"), "file.txt");
  EXPECT_EQ(label_of(kName + "/a/b c.txt"), "a/b c.txt");
  EXPECT_EQ(label_of(kName + ".txt"), "txt");
  EXPECT_EQ(label_of(kName + "?label=a%20b/c"), "a b/c");
  EXPECT_EQ(label_of(kName + "/100%"), "100%");
  EXPECT_EQ(label_of(kName + "/x#fragment"), "x");
  EXPECT_EQ(Uri::parse(kName + "/x?manifest=" + kHex)->manifest->hex(), kHex);
  EXPECT_EQ(Uri::parse(kName + "/x")->digest.hex(), kHex);
  EXPECT_EQ(Uri::parse("sha256://" + std::string(64, 'a'))->digest.algorithm(), Algorithm::sha256);
}

TEST(Uri, PrintsLabelsAsEachGenerationDid) {
  const Uri uri{*Digest::parse(Algorithm::sha1, kHex), "my file.txt"};
  EXPECT_EQ(uri.str(LabelStyle::path), kName + "/my file.txt");
  EXPECT_EQ(uri.str(LabelStyle::query), kName + "?label=my%20file.txt");
  EXPECT_EQ((Uri{uri.digest, "a?b#c%d\n\xFF"}).str(), kName + "/a%3Fb%23c%25d%0A%FF");
  // NEL, CSI and the line separator: many programs end a line there, some terminals obey.
  EXPECT_EQ((Uri{uri.digest, "\xC2\x85\xC2\x9B\xE2\x80\xA8\xC3\xA9"}).str(),
            kName + "/%C2%85%C2%9B%E2%80%A8\xC3\xA9");
}

TEST(Uri, RefusesWhatIsNotOne) {
  for (const std::string& text :
       {std::string(), std::string("sha1"), std::string("sha1://"), "sha1://" + kHex.substr(1), kName + "0",
        "SHA1://" + kHex, "md5://" + kHex, "sha1:/" + kHex, "sha1:///" + kHex, "sha256://" + kHex,
        "sha1://" + kHex.substr(0, 38) + "..", std::string("sha1://../../../../etc/passwd"),
        kName + "?manifest=xyz", " " + kName}) {
    const auto uri = Uri::parse(text);
    ASSERT_FALSE(uri) << text;
    EXPECT_EQ(uri.error().code, Code::invalid) << text;
  }
}

TEST(Uri, KnowsASchemeFromAPath) {
  EXPECT_TRUE(has_scheme(kName));
  EXPECT_TRUE(has_scheme("md5://x"));
  for (const char* path : {"", "a", "/a/b", "./sha1://x", "://x", "1a://x", "a/b://c", "c:\\x"})
    EXPECT_FALSE(has_scheme(path)) << path;
}

TEST(Uri, TakesALocationAsItStands) {
  const auto location_of = [](const std::string& text) { return Uri::parse(text)->location; };
  EXPECT_EQ(location_of(kName + "?location=/a b/c?d&e=f#g%20"), "/a b/c?d&e=f#g%20");
  EXPECT_EQ(location_of(kName + "?label=x%20y&location=/a"), "/a");
  EXPECT_EQ(Uri::parse(kName + "?label=x%20y&location=/a")->label, "x y");
  EXPECT_EQ(location_of(kName + "?label=location=/a"), "");
  EXPECT_EQ(location_of(kName + "#?location=/a"), "");
  EXPECT_FALSE(Uri::parse(kName + "?location=/a\nb"));
  const Uri uri{*Digest::parse(Algorithm::sha1, kHex), "l", Digest::parse(Algorithm::sha1, kHex).value(),
                "/x?y"};
  EXPECT_EQ(uri.str(LabelStyle::query), kName + "?label=l&manifest=" + kHex + "&location=/x?y");
  EXPECT_EQ(*Uri::parse(uri.str()), uri);
}

// Whatever the label, the URI is one line and parses to the same value.
TEST(Uri, WhatIsPrintedParsesToTheSame) {
  EXPECT_TRUE(rc::check([](const std::string& label, bool query) {
    const Uri uri{*Digest::parse(Algorithm::sha1, kHex), label};
    const std::string text = uri.str(query ? LabelStyle::query : LabelStyle::path);
    RC_ASSERT(text.find('\n') == std::string::npos);
    const auto again = Uri::parse(text);
    RC_ASSERT(bool(again));
    RC_ASSERT(*again == uri);
  }));
}

}  // namespace
}  // namespace kachery
