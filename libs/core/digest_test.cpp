#include "core/digest.h"

#include <gtest/gtest.h>

namespace kachery {
namespace {

constexpr std::string_view kHex = "6af826b3d648ccba6b4bbe58e93e22add640d728";

TEST(Digest, ParsesWhatItPrints) {
  const auto digest = Digest::parse(Algorithm::sha1, kHex);
  ASSERT_TRUE(digest);
  EXPECT_EQ(digest->hex(), kHex);
  EXPECT_EQ(digest->bytes().size(), 20U);
}

// Only these forms may ever become a path.
TEST(Digest, RefusesEverythingButLowerCaseHexOfTheRightLength) {
  const std::string good(kHex);
  for (const std::string& text :
       {std::string(), good.substr(1), good + "0", good.substr(0, 39) + "G",
        "6AF826B3D648CCBA6B4BBE58E93E22ADD640D728" + std::string(), good.substr(0, 38) + "..",
        good.substr(0, 39) + "/", std::string(40, '\0'), good.substr(0, 39) + " "}) {
    const auto digest = Digest::parse(Algorithm::sha1, text);
    ASSERT_FALSE(digest) << text;
    EXPECT_EQ(digest.error().code, Code::invalid);
  }
  EXPECT_FALSE(Digest::parse(Algorithm::sha256, kHex)) << "a SHA-1 is no SHA-256";
}

TEST(Digest, OfDifferentAlgorithmsAreDifferent) {
  const auto one = Digest::parse(Algorithm::sha256, std::string(64, '0'));
  const auto other = Digest::parse(Algorithm::sha1, std::string(40, '0'));
  ASSERT_TRUE(one && other);
  EXPECT_NE(*one, *other);
}

}  // namespace
}  // namespace kachery
