// What the tests of feeds share: a place of their own, and ways to look into it and to damage it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "feed/feeds.h"
#include "os/random.h"

namespace kachery::feed {

class FeedsTest : public testing::Test {
 protected:
  FeedsTest() : home_(std::filesystem::path(testing::TempDir()) / ("feeds_test_" + random_hex(8))) {
    std::filesystem::create_directories(home_ / "older");
  }
  ~FeedsTest() override { std::filesystem::remove_all(home_); }

  FeedsPlace place() const { return {home_ / "store", Audience::writers, home_ / "keys", {home_ / "older"}}; }

  FeedId create() {
    const auto feed = feeds_.create({}, TakenName::refuse);
    EXPECT_TRUE(feed) << feed.error().message;
    return *feed;
  }

  // The number of the first one, or the error's message.
  static std::string append(Feeds& feeds, const FeedUri& uri, const std::vector<std::string>& messages) {
    const auto appended = feeds.append(uri, messages);
    return appended ? std::to_string(appended->first) : appended.error().message;
  }
  std::string append(const FeedUri& uri, const std::vector<std::string>& messages) {
    return append(feeds_, uri, messages);
  }

  // The texts, one behind the other, or the error's message.
  static std::string read(Feeds& feeds, const SubfeedId& subfeed, const ReadRange& range = {}) {
    const auto messages = feeds.read(subfeed, range);
    if (!messages) return messages.error().message;
    std::string text;
    for (const Message& message : *messages) text += message.text + " ";
    return text;
  }
  std::string read(const SubfeedId& subfeed, const ReadRange& range = {}) {
    return read(feeds_, subfeed, range);
  }

  // "0 1 2 ... "
  static std::vector<std::string> numbers(TreeSize first, TreeSize count) {
    std::vector<std::string> texts;
    texts.reserve(count);
    for (TreeSize i = 0; i < count; ++i) texts.push_back(std::to_string(first + i));
    return texts;
  }
  static std::string joined(const std::vector<std::string>& texts) {
    std::string text;
    for (const std::string& one : texts) text += one + " ";
    return text;
  }

  void change(const char* sql) const {
    auto database = Database::open(home_ / "store/logs.db", Durability::full);
    ASSERT_TRUE(database);
    const auto outcome = database->run(sql);
    ASSERT_TRUE(outcome) << outcome.error().message;
  }

  std::filesystem::path home_;
  Feeds feeds_{place(), system_clock()};
};

}  // namespace kachery::feed
