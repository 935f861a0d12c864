#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "hub/access/access.h"

namespace kachery::hub {
namespace {

UserName user(const std::string& name) {
  return *UserName::parse(name);
}

std::string fault_of(const std::string& yaml) {
  const auto settings = ZoneSettings::parse_yaml(yaml);
  if (settings) return "accepted";
  EXPECT_EQ(settings.error().code, Code::invalid);
  return settings.error().message;
}

TEST(ZoneSettings, AreReadAsTheSecondGenerationWroteThem) {
  const auto settings = ZoneSettings::parse_yaml(
      "# Who may do what\n"
      "allowPublicUpload: false\n"
      "authorizedUsers:\n"
      "  - userId: alice\n"
      "    upload: true\n"
      "    admin: true\n"
      "  - {userId: '42', download: true}\n");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_FALSE(settings->public_upload);
  EXPECT_TRUE(settings->public_download) << "where nothing is said, downloads are public";
  EXPECT_EQ(settings->users.at(user("alice")), (UserRights{true, false, true}));
  EXPECT_EQ(settings->users.at(user("42")), (UserRights{false, true, false}));
  EXPECT_EQ(settings->users.size(), 2U);
}

TEST(ZoneSettings, WhatIsPrintedParsesToTheSame) {
  EXPECT_TRUE(rc::check([] {
    ZoneSettings settings{*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()};
    const auto names =
        *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(std::vector<std::string>{
            "a", "true", "null", "12", "1e5", "0x1f", "no", "x.y_z-1", "NaN", "4.5", "Bob"}));
    for (const std::string& name : names)
      settings.users[user(name)] = {*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>(),
                                    *rc::gen::arbitrary<bool>()};
    const auto again = ZoneSettings::parse_yaml(settings.yaml());
    RC_ASSERT(bool(again));
    RC_ASSERT(*again == settings);
  }));
}

TEST(ZoneSettings, OfManyUsersComeBack) {
  ZoneSettings settings;
  for (int i = 0; i < 10'000; ++i) settings.users[user("user" + std::to_string(i))] = {true, true, true};
  const auto again = ZoneSettings::parse_yaml(settings.yaml());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, settings);
  settings.users[user("one-more")] = {};
  EXPECT_TRUE(fault_of(settings.yaml()).contains("more than 10000 users"));
}

TEST(ZoneSettings, ThatSayAnythingElseAreRefusedWithTheLine) {
  const std::string good = "allowPublicUpload: true\nauthorizedUsers: []\n";
  ASSERT_EQ(fault_of(good), "accepted");
  const std::string start = "allowPublicUpload: true\nauthorizedUsers:\n";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "line 1: the settings must be"},
      {"[]", "line 1: the settings must be"},
      {"allowPublicUpload: true\n", "line 1: authorizedUsers is missing"},
      {"authorizedUsers: []\n", "allowPublicUpload is missing"},
      {good + "allowPublicUpload: true\n", "line 3: \"allowPublicUpload\" comes twice"},
      {good + "allowPublicDelete: true\n", "line 3: unknown name \"allowPublicDelete\""},
      {good + "<<: {allowPublicDownload: false}\n", "line 3: unknown name \"<<\""},
      {good + "allowPublicDownload: yes\n", "line 3: allowPublicDownload must be true or false"},
      {good + "allowPublicDownload: \"true\"\n", "line 3: allowPublicDownload must be true or false"},
      {good + "allowPublicDownload: 1\n", "line 3: allowPublicDownload must be true or false"},
      {good + "allowPublicDownload:\n", "line 3: allowPublicDownload must be true or false"},
      {good + "allowPublicDownload: [true]\n", "line 3: allowPublicDownload must be true or false"},
      {start + "  alice: {upload: true}\n", "line 3: authorizedUsers must be a list"},
      {start, "authorizedUsers must be a list"},
      {start + "  - alice\n", "line 3: an authorized user must be"},
      {start + "  - upload: true\n", "line 3: this authorized user has no userId"},
      {start + "  - userId: alice\n    delete: true\n", "line 4: unknown name \"delete\""},
      {start + "  - userId: alice\n    upload: 1\n", "line 4: upload must be true or false"},
      {start + "  - userId: alice\n    userId: bob\n", "line 4: \"userId\" comes twice"},
      {start + "  - userId: alice\n  - userId: alice\n", "line 4: the user alice comes twice"},
      {start + "  - userId: a b\n", "line 3: not the name of a user: \"a b\""},
      {start + "  - userId: ../../etc\n", "line 3: not the name of a user"},
      {start + "  - userId: 42\n", "line 3: userId must be a name"},
      {start + "  - userId: true\n", "line 3: userId must be a name"},
      {start + "  - userId: null\n", "line 3: userId must be a name"},
      {start + "  - userId: [a]\n", "line 3: userId must be a name"},
      {start + "  - &a {userId: alice}\n", "line 3: an anchor"},
      {start + "  - &a {userId: alice}\n  - *a\n", "line 3: an anchor"},
      {start + "  - !!map {userId: alice}\n", "line 3: a tag"},
      {start + "  - userId: !!str 42\n", "line 3: a tag"},
      {good + "---\n" + good, "a second document"},
      {good + "allowPublicDownload: \xff\n", "not UTF-8"},
      {good + "\t: {\n", "line "},
      {good + std::string((1 << 20) + 1, '#'), "at most 1048576"},
      {std::string(100'000, '['), "line 1"}};
  for (const auto& [yaml, fault] : cases)
    EXPECT_TRUE(fault_of(yaml).contains(fault)) << yaml.substr(0, 200) << "\n" << fault_of(yaml);
}

}  // namespace
}  // namespace kachery::hub
