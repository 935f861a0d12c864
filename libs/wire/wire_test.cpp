#include <gtest/gtest.h>

#include "wire/admin.h"
#include "wire/files.h"
#include "wire/hub.h"
#include "wire/nodes.h"
#include "wire/uploads.h"

namespace kachery::wire {
namespace {

template <class T>
void expect_same_text(const std::string& text) {
  const Result<T> message = parse<T>(text);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(print(*message), text);
}

TEST(Wire, PrintsWhatItParsed) {
  expect_same_text<Find>(R"({"zone":"default","digests":["sha1:6af826b3d648ccba6b4bbe58e93e22add640d728"]})");
  expect_same_text<Failure>(
      R"({"error":{"code":"denied","message":"no","request":"00"},"now_ms":1700000000000})");
  expect_same_text<ListNodes>("{}");
  expect_same_text<FoundFiles>(R"({"files":[null],"expires_ms":5})");
}

TEST(Wire, RefusesWhatIsNotExactlyTheMessage) {
  for (const char* text : {
           "",
           "[]",
           "null",
           "{}",
           R"({"zone":"default"})",
           R"({"zone":"default","digests":[],"more":1})",
           R"({"zone":"default","digests":null})",
           R"({"zone":"default","zone":"default","digests":[]})",
           R"({"zone":"../x","digests":[]})",
           R"({"zone":"default","digests":["sha1:6AF826b3d648ccba6b4bbe58e93e22add640d728"]})",
           R"({"zone":"default","digests":["6af826b3d648ccba6b4bbe58e93e22add640d728"]})",
       }) {
    const Result<Find> message = parse<Find>(text);
    ASSERT_FALSE(message) << text;
    EXPECT_EQ(message.error().code, Code::invalid) << text;
  }
  EXPECT_FALSE(parse<Chunk>(R"({"sha256":"sha256:)" + std::string(64, '0') + R"(","size":-1})"));
  EXPECT_FALSE(
      parse<Chunk>(R"({"sha256":"sha256:)" + std::string(64, '0') + R"(","size":9007199254740992})"));
  EXPECT_TRUE(parse<Chunk>(R"({"sha256":"sha256:)" + std::string(64, '0') + R"(","size":9007199254740991})"));
}

TEST(Wire, SaysWhichMemberIsWrong) {
  const Result<Failure> message =
      parse<Failure>(R"({"error":{"code":"odd","message":"","request":""},"now_ms":0})");
  ASSERT_FALSE(message);
  EXPECT_NE(message.error().message.find("error.code"), std::string::npos) << message.error().message;
}

}  // namespace
}  // namespace kachery::wire
