#include "core/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kachery {
namespace {

// RFC 4648, section 10.
TEST(Base64, IsThePublishedOne) {
  for (const auto& [bytes, text] : {std::pair<std::string_view, std::string_view>{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_base64(as_bytes(bytes)), text);
    std::vector<std::byte> back(bytes.size());
    EXPECT_TRUE(from_base64(text, back));
    EXPECT_EQ(as_text(back), bytes);
  }
}

TEST(Base64, HasOneTextForSomeBytes) {
  std::array<std::byte, 1> one{};
  for (const std::string_view text :
       {"Zh==", "Zg=", "Zg", "Zg= ", "Zg==\n", " g==", "=g==", "Z===", "Zg=A", "-_=="})
    EXPECT_FALSE(from_base64(text, one)) << text;
  std::array<std::byte, 2> two{};
  EXPECT_FALSE(from_base64("Zm9=", two)) << "bits behind the end";
  EXPECT_FALSE(from_base64("Zg==", two)) << "too short";
}

TEST(Base64, ReadsWhatItPrints) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& bytes) {
    std::vector<std::byte> back(bytes.size());
    RC_ASSERT(from_base64(to_base64(std::as_bytes(std::span(bytes))), back));
    RC_ASSERT(std::ranges::equal(back, std::as_bytes(std::span(bytes))));
  }));
}

}  // namespace
}  // namespace kachery
