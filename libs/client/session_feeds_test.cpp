#include <gtest/gtest.h>

#include <fstream>

#include "client/session.h"
#include "feed/feeds.h"
#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

class SessionFeedsTest : public testing::Test {
 protected:
  SessionFeedsTest()
      : home_(fs::path(testing::TempDir()) / ("session_feeds_test_" + random_hex(8))),
        session_(Configuration{home_ / "store", "test"}) {
    fs::create_directory(home_);
  }
  ~SessionFeedsTest() override { fs::remove_all(home_); }

  FeedId create(const std::string& name) {
    return *(*session_.feeds())->create(name, feed::TakenName::refuse);
  }

  fs::path home_;
  Session session_;
};

TEST_F(SessionFeedsTest, FindsFeedsAsTheyAreTyped) {
  const FeedId feed = create("measured");
  EXPECT_EQ(*session_.find_feed("measured"), feed);
  EXPECT_EQ(*session_.find_feed(FeedUri{feed}.str()), feed);
  EXPECT_EQ(session_.find_feed("other").error().code, Code::not_found);
  EXPECT_EQ(session_.find_feed(FeedUri{feed, "a"}.str()).error().code, Code::invalid);
  EXPECT_EQ(session_.find_subfeed("measured/a/b")->str(), (FeedUri{feed, "a/b"}.str()));
  EXPECT_EQ(session_.find_subfeed(FeedUri{feed, "a"}.str())->str(), (FeedUri{feed, "a"}.str()));
  for (const char* name : {"measured", "/a", "measured/", ""})
    EXPECT_EQ(session_.find_subfeed(name).error().code, Code::invalid) << name;
}

TEST_F(SessionFeedsTest, FindsNamesThatTheFirstGenerationGave) {
  const FeedId feed(KeyPair::generate().node_id());
  const auto set = (*session_.mutables())
                       ->set(R"({"type":"feed_id_for_name","feed_name":"old"})", "\"" + feed.hex() + "\"",
                             Existing::replace);
  ASSERT_TRUE(set);
  EXPECT_EQ(*session_.find_feed("old"), feed);
}

TEST_F(SessionFeedsTest, KeysLieBesideTheNodesOwn) {
  const FeedId feed = create("measured");
  EXPECT_TRUE(fs::exists(home_ / "store/feeds" / (feed.hex() + ".pem")));
  EXPECT_TRUE(fs::exists(home_ / "store/logs.db"));
}

// Of a sandbox, whose node has the ordinary key.
TEST_F(SessionFeedsTest, KeysOfASandboxGoWithIt) {
  Configuration configuration{home_ / "sandbox", "test"};
  configuration.keys_in = {home_ / "store"};
  Session sandbox(configuration);
  ASSERT_TRUE((*sandbox.feeds())->create("measured", feed::TakenName::refuse));
  EXPECT_TRUE(fs::exists(home_ / "sandbox/feeds"));
  EXPECT_FALSE(fs::exists(home_ / "store/feeds"));
}

TEST_F(SessionFeedsTest, LookingMakesNothing) {
  EXPECT_EQ((*session_.feeds())->list()->size(), 0U);
  EXPECT_FALSE(session_.find_feed("measured"));
  EXPECT_FALSE(fs::exists(home_ / "store"));
}

}  // namespace
}  // namespace kachery
