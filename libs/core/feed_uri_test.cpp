#include "core/feed_uri.h"

#include <gtest/gtest.h>

namespace kachery {
namespace {

const std::string kId = "c21cfca1b54ba841a7cbf35685b5a62db73ed16b7c3f50f2fa1f9e1fce9b9cef";

TEST(FeedUri, ReadsAndPrintsTheFormsOfTheFirstGeneration) {
  for (const std::string& text : {"feed://" + kId, "feed://" + kId + "/primes", "feed://" + kId + "/a/b%20c",
                                  "feed://" + kId + "/~80d9cc061689dbc521aba6b35235f29de63d8349"}) {
    const auto uri = FeedUri::parse(text);
    ASSERT_TRUE(uri) << uri.error().message;
    EXPECT_EQ(uri->feed.hex(), kId);
    EXPECT_EQ(uri->str(), text);
  }
  EXPECT_EQ(FeedUri::parse("feed://" + kId)->subfeed, std::nullopt);
  EXPECT_EQ(FeedUri::parse("feed://" + kId + "/")->subfeed, std::nullopt);
  EXPECT_EQ(FeedUri::parse("feed://" + kId + "/a/b%20c")->subfeed, "a/b c");
}

TEST(FeedUri, RefusesWhatNamesNoFeed) {
  for (const std::string& text :
       {std::string(), std::string("feed://"), "sha1://" + kId, kId, "feed://" + kId.substr(1),
        "feed://" + kId + "x", "FEED://" + kId, "feed://C" + kId.substr(1), "feed://" + kId + "/%FF"}) {
    const auto uri = FeedUri::parse(text);
    ASSERT_FALSE(uri) << text;
    EXPECT_EQ(uri.error().code, Code::invalid);
  }
}

}  // namespace
}  // namespace kachery
