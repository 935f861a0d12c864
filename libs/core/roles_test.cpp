#include "core/roles.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kachery {
namespace {

TEST(Roles, AreTheFirstGenerationsWordsInOneOrder) {
  const std::vector<std::string_view> words{"requestFiles", "provideFiles", "requestFeeds",
                                            "provideFeeds", "requestTasks", "provideTasks"};
  EXPECT_EQ(Roles::all().words(), words);
  Roles roles;
  for (const std::string_view word : words) roles = roles | Roles::parse_word(word).value();
  EXPECT_EQ(roles, Roles::all());
  EXPECT_EQ((Roles{Role::provide_tasks, Role::request_files}).str(), "requestFiles, provideTasks");
  EXPECT_EQ(Roles().str(), "none");
}

TEST(Roles, PeopleMayTypeOneWordForSeveral) {
  EXPECT_EQ(Roles::parse("request").value(), Roles::requesting());
  EXPECT_EQ(Roles::parse("provide").value(), Roles::providing());
  EXPECT_EQ(Roles::parse("all").value(), Roles::all());
  EXPECT_EQ(Roles::parse("provideFeeds").value(), Roles{Role::provide_feeds});
  EXPECT_FALSE(Roles::parse_word("all")) << "a message has the words of roles only";
}

TEST(Roles, SaysWhichRolesThereAre) {
  for (const char* text : {"", "RequestFiles", "requestfiles", "files", "requestFiles ", "\x1b[2J"}) {
    const auto roles = Roles::parse(text);
    ASSERT_FALSE(roles) << text;
    EXPECT_EQ(roles.error().code, Code::invalid);
    EXPECT_TRUE(roles.error().message.contains("provideTasks")) << roles.error().message;
    EXPECT_FALSE(roles.error().message.contains('\x1b'));
  }
}

TEST(Roles, AreASet) {
  EXPECT_TRUE(rc::check([] {
    const Roles one = Roles::from_number(*rc::gen::inRange(0, 64)).value();
    const Roles other = Roles::from_number(*rc::gen::inRange(0, 64)).value();
    for (const std::string_view word : Roles::all().words()) {
      const Roles single = Roles::parse_word(word).value();
      const bool in_one = !(one & single).empty();
      const bool in_other = !(other & single).empty();
      RC_ASSERT(!((one | other) & single).empty() == (in_one || in_other));
      RC_ASSERT(!((one & other) & single).empty() == (in_one && in_other));
      RC_ASSERT(!((one - other) & single).empty() == (in_one && !in_other));
    }
    RC_ASSERT(Roles::from_number(one.number()).value() == one);
  }));
}

TEST(Roles, ANumberThatStandsForNoneIsRefused) {
  EXPECT_EQ(Roles::from_number(64).error().code, Code::corrupt);
  EXPECT_EQ(Roles::from_number(-1).error().code, Code::corrupt);
}

}  // namespace
}  // namespace kachery
