#include "core/text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kachery {
namespace {

TEST(Text, KnowsUtf8) {
  for (const std::string_view good :
       {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xEF\xBF\xBF"})
    EXPECT_TRUE(is_utf8(good)) << good;
  // Cut off, overlong, a surrogate, beyond U+10FFFF, a lone continuation.
  for (const std::string_view bad :
       {"\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xFF", "a\xC3z"})
    EXPECT_FALSE(is_utf8(bad)) << printable(bad);
}

TEST(Text, PercentEncodesLikePythonsQuote) {
  EXPECT_EQ(percent_encode("a b/\xC3\xA9?#%~_.-", "/"), "a%20b/%C3%A9%3F%23%25~_.-");
  EXPECT_EQ(percent_encode("a/b", ""), "a%2Fb");
}

TEST(Text, PercentDecodeLeavesAloneWhatIsNoEscape) {
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("5%zz%4"), "5%zz%4");
  EXPECT_EQ(percent_decode("%41%0a%C3%a9"), "A\n\xC3\xA9");
}

TEST(Text, WhatIsEncodedDecodes) {
  EXPECT_TRUE(rc::check(
      [](const std::string& text) { RC_ASSERT(percent_decode(percent_encode(text, "/")) == text); }));
}

// A file name must not be able to forge a line of output or to move the cursor.
TEST(Text, PrintableHasNoControlCharacters) {
  EXPECT_EQ(printable("a\nb\x1B[2J\x7F\xFF\xC2\x9B\xC3\xA9"), "a\\x0Ab\\x1B[2J\\x7F\\xFF\\xC2\\x9B\xC3\xA9");
  EXPECT_EQ(printable("a\xE2\x80\xA8z"), "a\\xE2\\x80\\xA8z");
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const std::string shown = printable(text);
    RC_ASSERT(is_utf8(shown));
    RC_ASSERT(shown.find_first_of("\n\r\t\x1B") == std::string::npos);
  }));
}

}  // namespace
}  // namespace kachery
