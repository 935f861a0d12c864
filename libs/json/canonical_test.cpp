#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>

#include "json/json.h"

namespace kachery::json {
namespace {

std::string canonical_of(std::string_view text) {
  const auto value = parse(text);
  return value ? canonical(*value) : "(" + value.error().message + ")";
}

// RFC 8785, section 3.2.2, and 3.2.3 for the order.
TEST(CanonicalJson, GivesTheTextsOfTheRfc) {
  EXPECT_EQ(canonical_of(R"({
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]})"),
            R"({"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],)"
            "\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
  EXPECT_EQ(canonical_of(R"({"\u20ac":5,"\r":1,"\ufb33":7,"1":2,"\ud83d\ude00":6,"\u0080":3,"\u00f6":4})"),
            "{\"\\r\":1,\"1\":2,\"\u0080\":3,\"\u00f6\":4,\"\u20ac\":5,\"\U0001F600\":6,\"\uFB33\":7}");
}

struct Double {
  std::uint64_t bits;
  const char* text;
};

// RFC 8785, appendix B.
TEST(CanonicalJson, PrintsTheNumbersOfTheRfc) {
  for (const Double& number : {Double{0x0000000000000000, "0"},
                               {0x8000000000000000, "0"},
                               {0x0000000000000001, "5e-324"},
                               {0x8000000000000001, "-5e-324"},
                               {0x7fefffffffffffff, "1.7976931348623157e+308"},
                               {0xffefffffffffffff, "-1.7976931348623157e+308"},
                               {0x4340000000000000, "9007199254740992"},
                               {0xc340000000000000, "-9007199254740992"},
                               {0x4430000000000000, "295147905179352830000"},
                               {0x44b52d02c7e14af5, "9.999999999999997e+22"},
                               {0x44b52d02c7e14af6, "1e+23"},
                               {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
                               {0x444b1ae4d6e2ef4e, "999999999999999700000"},
                               {0x444b1ae4d6e2ef4f, "999999999999999900000"},
                               {0x444b1ae4d6e2ef50, "1e+21"},
                               {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
                               {0x3eb0c6f7a0b5ed8d, "0.000001"},
                               {0x41b3de4355555553, "333333333.3333332"},
                               {0x41b3de4355555554, "333333333.33333325"},
                               {0x41b3de4355555555, "333333333.3333333"},
                               {0x41b3de4355555556, "333333333.3333334"},
                               {0x41b3de4355555557, "333333333.33333343"},
                               {0xbecbf647612f3696, "-0.0000033333333333333333"},
                               {0x43143ff3c1cb0959, "1424953923781206.2"}})
    EXPECT_EQ(canonical(Value(std::bit_cast<double>(number.bits))), number.text);
}

// An integer is a double here, as it was for gen1's daemon; whoever minds asks integers_are_exact.
TEST(CanonicalJson, PrintsIntegersAsJavaScriptDid) {
  EXPECT_EQ(canonical_of("[1.0,-0.0,1e21,1e-7,1000.0,9007199254740993,-9007199254740991]"),
            "[1,0,1e+21,1e-7,1000,9007199254740992,-9007199254740991]");
  EXPECT_TRUE(integers_are_exact(R"([9007199254740991,-9007199254740991,1e300,"9007199254740993\"99",-0])"));
  for (const char* text :
       {"9007199254740992", "[1,-9007199254740992]", R"({"a\"":123456789012345678901234567890})"})
    EXPECT_FALSE(integers_are_exact(text)) << text;
}

TEST(CanonicalJson, DoesNotDependOnHowItWasWritten) {
  EXPECT_EQ(canonical_of("{\"b\" : [ 1.50 ], \"a\":\"\\u00e9\"}"),
            canonical_of("{\"a\":\"\u00e9\",\"b\":[15e-1]}"));
  EXPECT_EQ(canonical_of(R"({"10":1,"9":2,"":3})"), R"({"":3,"10":1,"9":2})");
}

rc::Gen<Value> any_value(int depth) {
  const auto text = rc::gen::map(rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127)),
                                 [](const std::string& ascii) {
                                   return Value(ascii + (ascii.size() % 2 ? "\u20ac\U0001F600" : "\uFB33"));
                                 });
  const auto number = rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t bits) {
    const auto value = std::bit_cast<double>(bits);
    return std::isfinite(value) ? Value(value) : Value(static_cast<std::int64_t>(bits));
  });
  if (depth == 0) return rc::gen::oneOf(text, number, rc::gen::element(Value(), Value(true), Value(false)));
  const auto items = rc::gen::scale(0.2, rc::gen::container<Array>(any_value(depth - 1)));
  const auto object = rc::gen::map(items, [](const Array& values) {
    Object members;
    for (std::size_t i = values.size(); i > 0; --i)
      members.emplace_back(std::to_string(i) + (i % 2 ? "\uFB33" : "\U0001F600"), values[i - 1]);
    return Value(std::move(members));
  });
  return rc::gen::oneOf(text, number, object,
                        rc::gen::map(items, [](Array values) { return Value(std::move(values)); }));
}

TEST(CanonicalJson, IsAFixedPointThatOurParserReads) {
  EXPECT_TRUE(rc::check([] {
    const Value value = *any_value(2);
    const std::string text = canonical(value);
    const auto again = parse(text);
    RC_ASSERT(bool(again));
    RC_ASSERT(canonical(*again) == text);
  }));
}

TEST(CanonicalJson, KeepsEveryDouble) {
  EXPECT_TRUE(rc::check([](std::uint64_t bits) {
    const auto value = std::bit_cast<double>(bits);
    RC_PRE(std::isfinite(value));
    const auto again = parse(canonical(Value(value)));
    RC_ASSERT(bool(again));
    RC_ASSERT(*again->as_double() == value);
  }));
}

}  // namespace
}  // namespace kachery::json
