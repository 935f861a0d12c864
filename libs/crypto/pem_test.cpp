#include "crypto/pem.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cctype>

namespace kachery {
namespace {

// The public file of a Wycheproof group, and the seed 00 to 1f as `openssl pkey` writes it.
constexpr std::string_view kPublicPem =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAfU0Of2FTpptiQrUiq77mhf2kQg+INLEIw72uNp71Sfo=\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kPrivatePem =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
    "-----END PRIVATE KEY-----\n";

TEST(Pem, ReadsAndWritesTheFilesOfOthers) {
  const auto id = parse_public_pem(kPublicPem);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->hex(), "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa");
  EXPECT_EQ(public_pem(*id), kPublicPem);

  const auto pair = parse_private_pem(kPrivatePem);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->node_id().hex(), "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
  EXPECT_EQ(private_pem(*pair).text(), kPrivatePem);
}

// kachery_cloud writes no newline at the end.
TEST(Pem, NeedsNoLastNewline) {
  EXPECT_TRUE(parse_public_pem(kPublicPem.substr(0, kPublicPem.size() - 1)));
  EXPECT_TRUE(parse_private_pem(kPrivatePem.substr(0, kPrivatePem.size() - 1)));
}

TEST(Pem, KeysComeBackAsTheyWere) {
  EXPECT_TRUE(rc::check([](const std::array<char, 32>& seed) {
    const KeyPair pair(std::as_bytes(std::span(seed)));
    const auto again = parse_private_pem(private_pem(pair).text());
    RC_ASSERT(bool(again));
    RC_ASSERT(again->node_id() == pair.node_id());
    const auto id = parse_public_pem(public_pem(pair.node_id()));
    RC_ASSERT(bool(id));
    RC_ASSERT(*id == pair.node_id());
  }));
}

// A damaged file must not become another node's key, and its message goes where everybody reads it.
TEST(Pem, RefusesEverythingElseAndShowsNothingOfIt) {
  const std::string good(kPrivatePem);
  const std::string body = good.substr(good.find('\n') + 1, 64);
  std::vector<std::string> texts{"",
                                 "\n",
                                 good + "\n",
                                 " " + good,
                                 good + "x",
                                 body,
                                 std::string(kPublicPem),
                                 good.substr(0, good.size() - 2)};
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{{"\n", "\r\n"},
                                                                                 {"MC4C", "MC4B"},
                                                                                 {"HR4f", "HR4="},
                                                                                 {"HR4f", "HR4"},
                                                                                 {"HR4f", "HR4f\n"},
                                                                                 {"PRIVATE", "private"},
                                                                                 {"HR4f", "HR4_"},
                                                                                 {"HR4f", "HR\n4"}}) {
    std::string text = good;
    texts.push_back(text.replace(text.find(from), from.size(), to));
  }
  for (const std::string& text : texts) {
    const auto pair = parse_private_pem(text);
    ASSERT_FALSE(pair) << text;
    EXPECT_EQ(pair.error().code, Code::corrupt);
    EXPECT_FALSE(pair.error().message.contains("AABAgMEB"));
  }
  EXPECT_FALSE(parse_public_pem(kPrivatePem));
}

// Found by fuzzing: the library's base64 takes bytes beyond ASCII for digits.
TEST(Pem, RefusesBytesThatAreNoBase64) {
  for (int byte = 0; byte < 256; ++byte) {
    std::string text(kPrivatePem);
    char& digit = text[text.find("AABAgMEB") + 2];
    const char right = digit;
    digit = static_cast<char>(byte);
    const auto pair = parse_private_pem(text);
    if (pair && digit != right) EXPECT_EQ(private_pem(*pair).text(), text) << byte;
    EXPECT_EQ(pair.has_value(),
              std::isalnum(static_cast<unsigned char>(byte)) != 0 || digit == '+' || digit == '/')
        << byte;
  }
}

}  // namespace
}  // namespace kachery
