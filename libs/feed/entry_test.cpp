#include "feed/entry.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "feed/subfeed.h"

namespace kachery::feed {
namespace {

TEST(Entry, HasExactlyTheseBytes) {
  const Entry entry = make_entry(1, 1600000000001, R"({"p":3.0,"n":2})");
  EXPECT_EQ(entry.str(), R"({"n":1,"timestamp":1600000000001,"message":{"p":3.0,"n":2}})");
  // Of golang.org/x/mod/sumdb/tlog v0.17.0.
  EXPECT_EQ(to_base64(hash_leaf(as_bytes(entry.str()))), "eQz4dU9pAp+0ITIUMxdF0DYJEoFT920yxEKViwneh50=");
}

TEST(Entry, ALongMessageLiesBesideIt) {
  const std::string longest_inside = "\"" + std::string(kInlineBytesMax - 2, 'a') + "\"";
  EXPECT_FALSE(make_entry(0, 0, longest_inside).body);
  const std::string message = "\"" + std::string(kInlineBytesMax - 1, 'a') + "\"";
  const Entry entry = make_entry(7, 5, message);
  EXPECT_EQ(entry.str(),
            R"({"n":7,"timestamp":5,"body":{"sha256":")" + entry.body->sha256.hex() + R"(","size":60001}})");
  EXPECT_TRUE(is_message_of(entry, message));
  EXPECT_FALSE(is_message_of(entry, longest_inside));
  EXPECT_LE(make_entry(kTreeSizeMax, 9'000'000'000'000'000, longest_inside).str().size(), kEntryBytesMax);
}

TEST(Entry, IsReadAsItIsWritten) {
  rc::check([] {
    const Entry entry = make_entry(*rc::gen::inRange<TreeSize>(0, kTreeSizeMax),
                                   *rc::gen::inRange<std::int64_t>(0, 1LL << 50),
                                   "[" + std::to_string(*rc::gen::arbitrary<int>()) + "]");
    const auto parsed = Entry::parse(entry.str());
    RC_ASSERT(parsed);
    RC_ASSERT(*parsed == entry);
  });
  const Entry with_body = make_entry(3, 4, "\"" + std::string(100'000, 'x') + "\"");
  EXPECT_EQ(*Entry::parse(with_body.str()), with_body);
}

TEST(Entry, NothingElseIsOne) {
  const std::string hash(64, 'a');
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string(R"({"n":1,"timestamp":2,"message":})"),
        std::string(R"({"n":1,"timestamp":2,"message":1)"),
        std::string(R"({"n":01,"timestamp":2,"message":1})"),
        std::string(R"({"n":-1,"timestamp":2,"message":1})"),
        std::string(R"({"n":1,"timestamp":2.0,"message":1})"),
        std::string(R"({ "n":1,"timestamp":2,"message":1})"),
        std::string(R"({"timestamp":2,"n":1,"message":1})"),
        std::string(R"({"n":99999999999999999999,"timestamp":2,"message":1})"),
        R"({"n":1,"timestamp":2,"body":{"sha256":")" + hash + R"(","size":60000}})",
        R"({"n":1,"timestamp":2,"body":{"sha256":")" + hash + R"(","size":8388609}})",
        R"({"n":1,"timestamp":2,"body":{"sha256":")" + hash + R"(","size":70000},"x":1})",
        R"({"n":1,"timestamp":2,"body":{"sha256":")" + hash.substr(1) + R"(","size":70000}})"})
    EXPECT_FALSE(Entry::parse(text)) << text;
}

// What users put in comes back as they wrote it.
TEST(Message, KeepsItsText) {
  for (const std::string& text : {R"({"b":1.0,"a":1e22,"c":[1,-0.0,12345678901234567890]})", "null", "1",
                                  "\"\"", "[]", R"({"é":"\u00e9 \" \\","":" a  b "})"}) {
    const auto message = check_message(text);
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(*message, text);
  }
  EXPECT_EQ(*check_message(" { \"a\" :\t[ 1.0 ,\n\" x \\\" \" ] }\r\n"), R"({"a":[1.0," x \" "]})");
}

TEST(Message, IsStrictJsonOfUpTo8MiB) {
  for (const std::string& text : {"", "{", "NaN", "{\"a\":1,\"a\":2}", "\"\xFF\"", "1 2", "'a'"})
    EXPECT_EQ(check_message(text).error().code, Code::invalid) << text;
  EXPECT_TRUE(check_message("\"" + std::string(kMessageBytesMax - 2, 'a') + "\""));
  EXPECT_EQ(check_message("\"" + std::string(kMessageBytesMax - 1, 'a') + "\"").error().code, Code::invalid);
}

}  // namespace
}  // namespace kachery::feed
