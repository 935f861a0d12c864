#include "feed/gen1_feeds.h"

#include "crypto/hasher.h"
#include "feed/feeds_fixture.h"
#include "json/json.h"

namespace kachery::feed {
namespace {

const std::string kFeed = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const std::string kHash = "80d9cc061689dbc521aba6b35235f29de63d8349";  // Of "primes".
// Made by two implementations of the first generation, which agree.
const std::string kFirstSignature =
    "2f2ae73578f25181f171aac12692c27b0ce217f95aa4b8ccf9f310df4be0fd6fa18307ef773a748019987eb5551ea6840f01d5fe"
    "763f7d18"
    "2edafcc494f3c00b";
const std::string kSecondSignature =
    "ab5b751044572e824acbe833c0f0f39768ecd75772d5801b510f52c457389b802d78b34cfc3a75cb8f7580cc3c145805d6df35d8"
    "20e16e7b"
    "48eba47df876ef07";
const std::string kFirst =
    R"({"body":{"message":{"n":1,"p":2},"messageNumber":0,"timestamp":1600000000000},"signature":")" +
    kFirstSignature + R"("})";
const std::string kSecond = R"({"body":{"message":{"n":2,"p":3},"messageNumber":1,"previousSignature":")" +
                            kFirstSignature + R"(","timestamp":1600000000001},"signature":")" +
                            kSecondSignature + R"("})";

std::string replaced(std::string text, const std::string& old_part, const std::string& new_part) {
  const std::size_t at = text.find(old_part);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, old_part.size(), new_part);
}

class Gen1FeedsTest : public FeedsTest {
 protected:
  // As a daemon of the first generation leaves it.
  void make(const std::vector<std::string>& messages, const std::string& feed = kFeed) const {
    auto database = Database::open(home_ / "older/feeds.db", Durability::full, Journal::rollback);
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->run(
        "CREATE TABLE IF NOT EXISTS feeds(feedId TEXT PRIMARY KEY) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS subfeeds(feedId TEXT, subfeedHash TEXT, PRIMARY KEY(feedId, "
        "subfeedHash)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS subfeedMessages(feedId TEXT, subfeedHash TEXT, position INTEGER, message "
        "TEXT,"
        " PRIMARY KEY(feedId, subfeedHash, position)) WITHOUT ROWID; DELETE FROM subfeedMessages"));
    ASSERT_TRUE(database->prepare("INSERT OR REPLACE INTO feeds VALUES(?1)")->bind(1, feed).run());
    for (std::size_t i = 0; i < messages.size(); ++i) {
      auto insert = database->prepare("INSERT INTO subfeedMessages VALUES(?1, ?2, ?3, ?4)");
      ASSERT_TRUE(insert->bind(1, feed)
                      .bind(2, kHash)
                      .bind(3, static_cast<std::int64_t>(i))
                      .bind(4, messages[i])
                      .run());
    }
  }

  const SubfeedId primes_{*FeedId::parse(kFeed), *Digest::parse(Algorithm::sha1, kHash)};
};

TEST_F(Gen1FeedsTest, TheGoldenMessagesAreRead) {
  make({kFirst, kSecond});
  const auto messages = feeds_.read(primes_, {});
  ASSERT_TRUE(messages) << messages.error().message;
  ASSERT_EQ(messages->size(), 2U);
  EXPECT_EQ((*messages)[0].text, R"({"n":1,"p":2})");
  EXPECT_EQ((*messages)[1].text, R"({"n":2,"p":3})");
  EXPECT_EQ((*messages)[1].timestamp_ms, 1600000000001);
  EXPECT_EQ((*messages)[1].entry, kSecond);
  EXPECT_EQ(read(primes_, {1}), R"({"n":2,"p":3} )");
  EXPECT_EQ(read(primes_, {0, 1}), R"({"n":1,"p":2} )");
  EXPECT_EQ(read(primes_, {2}), "");
  EXPECT_EQ(*feeds_.size(primes_), 2U);
  EXPECT_TRUE(*feeds_.knows(primes_.feed));
  EXPECT_TRUE(feeds_.list()->front().first_generation);
  EXPECT_FALSE(std::filesystem::exists(home_ / "older/feeds.db-wal"));
}

// The first generation believed what it found when it opened a subfeed.
TEST_F(Gen1FeedsTest, ForgedMessagesAreRefusedWherever) {
  const std::vector<std::vector<std::string>> forged{
      {replaced(kFirst, R"("p":2)", R"("p":4)"), kSecond},
      {kFirst, replaced(kSecond, R"("p":3)", R"("p":4)")},
      {kFirst, replaced(kSecond, "600000000001", "600000000002")},
      {kFirst, kFirst},
      {kSecond},
      {kSecond, kFirst},
      {replaced(kFirst, kFirstSignature, kSecondSignature)},
      {replaced(kFirst, kFirstSignature, kFirstSignature.substr(1))},
      {"{}"},
      {"x"},
      {R"({"body":{},"signature":""})"}};
  for (const auto& messages : forged) {
    make(messages);
    const auto read_all = feeds_.read(primes_, {});
    ASSERT_FALSE(read_all) << messages.front();
    EXPECT_EQ(read_all.error().code, Code::corrupt);
    EXPECT_NE(read_all.error().message.find(primes_.str()), std::string::npos);
  }
}

TEST_F(Gen1FeedsTest, SignaturesOverTheTextItselfAreOldButRight) {
  const KeyPair pair = KeyPair::generate();
  const FeedId feed(pair.node_id());
  const std::string body = R"({"message":{"a":1},"messageNumber":0,"timestamp":1})";
  make({R"({"body":)" + body + R"(,"signature":")" + to_hex(pair.sign(as_bytes(body))) + R"("})"},
       feed.hex());
  EXPECT_EQ(read({feed, primes_.hash}), R"({"a":1} )");
}

TEST_F(Gen1FeedsTest, WhatItsDaemonDeletedIsGoneHere) {
  make({kFirst});
  auto database = Database::open(home_ / "older/feeds.db", Durability::full, Journal::rollback);
  ASSERT_TRUE(database->run("DELETE FROM feeds"));
  EXPECT_EQ(read(primes_), "");
  EXPECT_FALSE(*feeds_.knows(primes_.feed));
}

TEST_F(Gen1FeedsTest, IsReadOnlyInEveryWay) {
  make({kFirst});
  EXPECT_EQ(feeds_.append({primes_.feed, "primes"}, std::vector<std::string>{"1"}).error().code,
            Code::denied);
  EXPECT_EQ(feeds_.remove(primes_.feed).error().code, Code::denied);
  EXPECT_FALSE(feeds_.prove(primes_, 0));
  EXPECT_EQ(read(primes_), R"({"n":1,"p":2} )");
}

}  // namespace
}  // namespace kachery::feed
