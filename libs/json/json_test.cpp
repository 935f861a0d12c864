#include "json/json.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kachery::json {
namespace {

TEST(Json, PrintsCompactAndParsesBack) {
  const Value value(
      Object{{"a", Array{1, -2, true, nullptr, "x\"\n"}}, {"b", 1.5}, {"c", 2.0}, {"", Object{}}});
  const std::string text = value.str();
  EXPECT_EQ(text, "{\"a\":[1,-2,true,null,\"x\\\"\\u000a\"],\"b\":1.5,\"c\":2.0,\"\":{}}");
  const auto again = parse(text);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, value);
}

TEST(Json, KeepsLargeIntegers) {
  const auto value = parse("[18446744073709551615,-9223372036854775808]");
  ASSERT_TRUE(value);
  EXPECT_EQ((*value->if_array())[0].as_uint64(), 18446744073709551615U);
  EXPECT_EQ((*value->if_array())[1].as_int64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE((*value->if_array())[0].as_int64());
}

// Found by fuzzing: the library's own conversion was off by one in the last place.
TEST(Json, ReadsTheNearestDouble) {
  for (const char* text :
       {"1.1111114111111114e+39", "0.1", "1600000000.1234567", "5e-324", "1.7976931348623157e+308"}) {
    const auto value = parse(text);
    ASSERT_TRUE(value);
    EXPECT_EQ(value->as_double(), std::strtod(text, nullptr)) << text;
  }
  EXPECT_EQ(parse("1e-999")->as_double(), 0.0);
}

TEST(Json, RefusesWhatIsNotStrict) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[1,]"), std::string("{\"a\":1,\"a\":2}"),
        std::string("NaN"), std::string("1e999"), std::string("[1] x"), std::string("'a'"),
        std::string("\"\xFF\""), std::string("\"\\udc80\""), std::string("// c\n1"),
        std::string(40, '[') + std::string(40, ']'), std::string("\"a\nb\""), std::string("01")}) {
    const auto value = parse(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, Code::corrupt) << text;
  }
  EXPECT_NE(parse("{\"k\":1,\"k\":2}").error().message.find("\"k\" is there twice"), std::string::npos);
}

// How Python writes a file name with the bytes ff and 80 in it, and how we read it (PEP 383).
TEST(Json, ReadsTheEscapedBytesOfPython) {
  const auto value = parse(R"("a\udcff\uDC80b\ud83d\ude00\\udc80")", EscapedBytes::yes);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(*value->if_string(),
            "a\xFF\x80"
            "b\xF0\x9F\x98\x80\\udc80");
}

TEST(Json, StringsOfAnyBytesSurvive) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const auto again = parse(Value(text).str(), EscapedBytes::yes);
    RC_ASSERT(bool(again));
    RC_ASSERT(*again->if_string() == text);
  }));
}

}  // namespace
}  // namespace kachery::json
