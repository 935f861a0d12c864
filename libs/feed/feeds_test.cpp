#include "feed/feeds.h"

#include <rapidcheck.h>

#include <atomic>
#include <thread>

#include "feed/feeds_fixture.h"
#include "os/parallel.h"

namespace kachery::feed {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

FeedUri primes_of(const FeedId& feed) {
  return {feed, "primes"};
}

TEST_F(FeedsTest, WhatWasAppendedIsReadByEverybodyAsItWasWritten) {
  const FeedUri uri = primes_of(create());
  const SubfeedId subfeed = *subfeed_id(uri);
  const std::vector<std::string> messages{R"({"p":2.0,"n":1})", R"([1,1e22,"é"])", "null", "\"\""};
  EXPECT_EQ(append(uri, {messages[0]}), "0");
  EXPECT_EQ(append(uri, {messages[1], messages[2], messages[3]}), "1");
  Feeds other(place(), system_clock());
  EXPECT_EQ(read(other, subfeed), joined(messages));
  EXPECT_EQ(read(other, subfeed, {2, 1}), "null ");
  EXPECT_EQ(read(other, subfeed, {4}), "");
  EXPECT_EQ(read(other, subfeed, {99}), "");
  EXPECT_EQ(*other.size(subfeed), 4U);
  // Whoever else has the store goes on where this one ended.
  EXPECT_EQ(append(other, uri, {"4"}), "4");
  EXPECT_EQ(append(uri, {"5"}), "5");
}

TEST_F(FeedsTest, SubfeedsDoNotMix) {
  const FeedId feed = create();
  const FeedId other = create();
  EXPECT_EQ(append({feed, "a"}, {"1"}), "0");
  EXPECT_EQ(append({feed, "b"}, {"2"}), "0");
  EXPECT_EQ(append({other, "a"}, {"3"}), "0");
  EXPECT_EQ(read(*subfeed_id({feed, "a"})), "1 ");
  EXPECT_EQ(read(*subfeed_id({feed, "b"})), "2 ");
  EXPECT_EQ(read(*subfeed_id({other, "a"})), "3 ");
  EXPECT_EQ(read(*subfeed_id({other, "b"})), "");
}

TEST_F(FeedsTest, ALongMessageComesBackWhole) {
  const FeedUri uri = primes_of(create());
  const std::string message = "\"" + std::string(kMessageBytesMax - 2, 'a') + "\"";
  EXPECT_EQ(append(uri, {"1", message, "2"}), "0");
  EXPECT_EQ(read(*subfeed_id(uri)), "1 " + message + " 2 ");
  change("UPDATE bodies SET message = x'22'");
  Feeds other(place(), system_clock());
  EXPECT_NE(read(other, *subfeed_id(uri)).find("damaged"), std::string::npos);
}

TEST_F(FeedsTest, IsCutByBytesButGivesOneAtLeast) {
  const FeedUri uri = primes_of(create());
  append(uri, numbers(0, 100));
  const auto some = feeds_.read(*subfeed_id(uri), {10, 1000, 400});
  ASSERT_TRUE(some);
  EXPECT_GT(some->size(), 1U);
  EXPECT_LT(some->size(), 90U);
  EXPECT_EQ(feeds_.read(*subfeed_id(uri), {10, 1000, 0})->size(), 1U);
}

// Sizes around those of tiles: every cut of a history into calls gives the same log, and every part of it can
// be read and proved.
TEST_F(FeedsTest, HowItWasAppendedDoesNotMatter) {
  const FeedUri uri = primes_of(create());
  const SubfeedId subfeed = *subfeed_id(uri);
  TreeSize size = 0;
  for (const TreeSize count : {1U, 254U, 1U, 1U, 600U, 167U, 256U, 300U, 5U}) {
    ASSERT_EQ(append(uri, numbers(size, count)), std::to_string(size));
    size += count;
    Feeds other(place(), system_clock());
    for (const TreeSize first : {TreeSize{0}, size / 3, size - 1}) {
      EXPECT_EQ(read(other, subfeed, {first}), joined(numbers(first, size - first)))
          << first << " of " << size;
      EXPECT_EQ(read(other, subfeed, {first, 2}),
                joined(numbers(first, std::min<TreeSize>(2, size - first))));
      const auto proof = other.prove(subfeed, first);
      ASSERT_TRUE(proof) << proof.error().message;
      EXPECT_EQ(check(*proof)->entry.message, std::to_string(first));
    }
  }
}

// 70,000 messages have a full tile of level 1, and hashes on three levels.
TEST_F(FeedsTest, ALongLogIsReadAndProvedInItsMiddle) {
  const FeedUri uri = primes_of(create());
  const SubfeedId subfeed = *subfeed_id(uri);
  ASSERT_EQ(append(uri, numbers(0, 65'000)), "0");
  const std::string old_note = *feeds_.checkpoint(subfeed);
  ASSERT_EQ(append(uri, numbers(65'000, 5'000)), "65000");
  Feeds other(place(), system_clock());
  EXPECT_EQ(read(other, subfeed, {33'333, 3}), "33333 33334 33335 ");
  EXPECT_EQ(read(other, subfeed, {69'999}), "69999 ");
  for (const TreeSize number : {0U, 40'000U, 65'535U, 65'536U, 69'999U}) {
    const auto proof = other.prove(subfeed, number);
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_TRUE(check(*proof));
  }
  const auto since = other.prove_since(subfeed, 65'000);
  ASSERT_TRUE(since) << since.error().message;
  EXPECT_TRUE(check(*since, old_note));
  EXPECT_FALSE(other.prove_since(subfeed, 0));
  EXPECT_FALSE(other.prove_since(subfeed, 70'001));
  EXPECT_EQ(other.prove(subfeed, 70'000).error().code, Code::not_found);
}

TEST_F(FeedsTest, ItsFilesAreThoseOfATiledLog) {
  const FeedUri uri = primes_of(create());
  append(uri, numbers(0, 600));
  std::map<std::string, std::size_t> sizes;
  const auto exported =
      feeds_.export_files(*subfeed_id(uri), [&sizes](const std::string& path, ByteView content) {
        sizes[path] = content.size();
        return Result<>();
      });
  ASSERT_TRUE(exported) << exported.error().message;
  std::vector<std::string> paths;
  paths.reserve(sizes.size());
  for (const auto& [path, size] : sizes) paths.push_back(path);
  EXPECT_EQ(paths, (std::vector<std::string>{"checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/88",
                                             "tile/1/000.p/2", "tile/entries/000", "tile/entries/001",
                                             "tile/entries/002.p/88"}));
  EXPECT_EQ(sizes["tile/0/002.p/88"], 88U * 32U);
}

// Processes and threads take turns; the messages of each call are side by side.
TEST_F(FeedsTest, ManyWritersLoseNothing) {
  const FeedUri uri = primes_of(create());
  constexpr int kWriters = 4;
  constexpr int kCalls = 10;
  std::vector<std::jthread> writers;
  writers.reserve(kWriters);
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([this, uri, writer] {
      Feeds own(place(), system_clock());
      for (int call = 0; call < kCalls; ++call) {
        const std::string text = std::to_string((writer * 100) + call);
        const auto appended = own.append(uri, std::vector<std::string>{text, text, text});
        EXPECT_TRUE(appended) << appended.error().message;
      }
    });
  }
  writers.clear();
  const auto messages = feeds_.read(*subfeed_id(uri), {});
  ASSERT_TRUE(messages) << messages.error().message;
  ASSERT_EQ(messages->size(), 3U * kWriters * kCalls);
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < messages->size(); i += 3) {
    EXPECT_EQ((*messages)[i].text, (*messages)[i + 2].text) << i;
    ++seen[(*messages)[i].text];
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kWriters * kCalls));
}

TEST_F(FeedsTest, ABadMessageKeepsTheWholeCallOut) {
  const FeedUri uri = primes_of(create());
  EXPECT_NE(append(uri, {"1", "{"}).find("message 2 of 2, of which none was appended"), std::string::npos);
  EXPECT_EQ(*feeds_.size(*subfeed_id(uri)), 0U);
  EXPECT_EQ(append(uri, {}), "0");
  EXPECT_EQ(feeds_.append({uri.feed, ""}, std::vector<std::string>{"1"}).error().code, Code::invalid);
  EXPECT_EQ(feeds_.append({uri.feed}, std::vector<std::string>{"1"}).error().code, Code::invalid);
}

// --- Names.

TEST_F(FeedsTest, ANameStandsForOneFeed) {
  const auto feed = feeds_.create("measured", TakenName::refuse);
  ASSERT_TRUE(feed);
  EXPECT_EQ(feeds_.create("measured", TakenName::refuse).error().code, Code::exists);
  EXPECT_EQ(**feeds_.find("measured"), *feed);
  EXPECT_EQ(*feeds_.find_or_create("measured"), *feed);
  EXPECT_EQ(*feeds_.find("other"), std::nullopt);
  const auto newer = feeds_.create("measured", TakenName::replace);
  EXPECT_EQ(**feeds_.find("measured"), *newer);
  const auto other = feeds_.find_or_create("other");
  EXPECT_EQ(**feeds_.find("other"), *other);
}

TEST_F(FeedsTest, ManyWhoCreateANameAtOnceGetOneFeed) {
  std::vector<std::string> ids(4);
  std::vector<std::jthread> threads;
  threads.reserve(ids.size());
  for (std::string& id : ids) {
    threads.emplace_back([this, &id] {
      Feeds own(place(), system_clock());
      const auto feed = own.find_or_create("measured");
      id = feed ? feed->hex() : feed.error().message;
    });
  }
  threads.clear();
  EXPECT_EQ(ids, std::vector<std::string>(4, (*feeds_.find("measured"))->hex()));
}

TEST_F(FeedsTest, ListsWhatIsThere) {
  EXPECT_EQ(feeds_.list()->size(), 0U);
  const auto feed = feeds_.create("measured", TakenName::refuse);
  append({*feed, "primes"}, {"1", "2"});
  append({*feed, "~edab56f36d0109b511ead78582ba8db8209aa93f"}, {"1"});
  const auto listings = feeds_.list();
  ASSERT_EQ(listings->size(), 1U);
  const FeedListing& listing = listings->front();
  EXPECT_TRUE(listing.writable);
  EXPECT_EQ(listing.names, std::vector<std::string>{"measured"});
  ASSERT_EQ(listing.subfeeds.size(), 2U);
  EXPECT_EQ(listing.subfeeds[0].name, "primes");
  EXPECT_EQ(listing.subfeeds[0].size, 2U);
  EXPECT_EQ(listing.subfeeds[1].name, std::nullopt);
}

// --- Waiting.

TEST_F(FeedsTest, WhoeverWaitsIsWokenByAnotherWriter) {
  const FeedUri uri = primes_of(create());
  const SubfeedId subfeed = *subfeed_id(uri);
  const std::atomic<bool> cancel = false;
  const std::vector<Position> positions{{*subfeed_id({uri.feed, "other"}), 0}, {subfeed, 0}};
  std::jthread writer([this, uri] {
    Feeds own(place(), system_clock());
    EXPECT_EQ(append(own, uri, {"1"}), "0");
  });
  const auto waited = feeds_.wait(positions, 60s, cancel);
  ASSERT_TRUE(waited) << waited.error().message;
  EXPECT_TRUE(*waited);
  EXPECT_EQ(read(subfeed), "1 ");
}

TEST_F(FeedsTest, WaitsAlsoForTheFirstFeedOfAStore) {
  Feeds other({home_ / "new", Audience::writers, home_ / "new keys", {}}, system_clock());
  std::atomic<bool> cancel = false;
  const SubfeedId unknown{FeedId(KeyPair::generate().node_id()), *subfeed_hash("primes")};
  const std::vector<Position> positions{{unknown, 0}};
  EXPECT_FALSE(*other.wait(positions, 0ms, cancel));
  EXPECT_FALSE(*other.wait(positions, 10ms, cancel));
  EXPECT_FALSE(fs::exists(home_ / "new"));
  cancel = true;
  EXPECT_EQ(other.wait(positions, 60s, cancel).error().code, Code::cancelled);
}

// --- What must not happen.

TEST_F(FeedsTest, NobodyElseAppends) {
  const FeedUri uri = primes_of(create());
  append(uri, {"1"});
  FeedsPlace theirs = place();
  theirs.keys_directory = home_ / "their keys";
  Feeds other(theirs, system_clock());
  EXPECT_FALSE(other.is_writable(uri.feed));
  EXPECT_EQ(other.append(uri, std::vector<std::string>{"2"}).error().code, Code::denied);
  EXPECT_EQ(read(other, *subfeed_id(uri)), "1 ");
}

TEST_F(FeedsTest, KeysAreForTheirOwnerAlone) {
  const FeedUri uri = primes_of(create());
  const fs::path key = home_ / "keys" / (uri.feed.hex() + ".pem");
  EXPECT_EQ(fs::status(key).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(key.parent_path()).permissions(), fs::perms::owner_all);
  fs::permissions(key, fs::perms::group_read, fs::perm_options::add);
  EXPECT_EQ(feeds_.append(uri, std::vector<std::string>{"1"}).error().code, Code::denied);
}

// Every byte of every row that counts: whatever is read is what was written, or an error that says "damaged".
TEST_F(FeedsTest, AnyDamageIsFound) {
  const FeedUri uri = primes_of(create());
  const SubfeedId subfeed = *subfeed_id(uri);
  append(uri, numbers(0, 300));
  for (const char* sql :
       {"UPDATE runs SET entries = CAST(replace(CAST(entries AS TEXT), '\"message\":7', '\"message\":8') AS "
        "BLOB)",
        "UPDATE subfeeds SET size = 299", "UPDATE subfeeds SET size = 301",
        "UPDATE subfeeds SET frontier = zeroblob(length(frontier))",
        "UPDATE subfeeds SET checkpoint = replace(checkpoint, '300', '301')",
        "UPDATE subfeeds SET checkpoint = substr(checkpoint, 2)", "DELETE FROM runs WHERE first = 256",
        "UPDATE runs SET first = 255 WHERE first = 256", "UPDATE runs SET entries = substr(entries, 2)",
        "UPDATE runs SET entries = zeroblob(length(entries))"}) {
    fs::copy(home_ / "store", home_ / "kept", fs::copy_options::recursive);
    change(sql);
    {
      Feeds other(place(), system_clock());
      const std::string text = read(other, subfeed);
      EXPECT_NE(text.find("logs.db is damaged"), std::string::npos) << sql << ": " << text;
      EXPECT_NE(text.find(subfeed.str()), std::string::npos) << sql << ": " << text;
    }
    fs::remove_all(home_ / "store");
    fs::rename(home_ / "kept", home_ / "store");
  }
  EXPECT_EQ(read(subfeed), joined(numbers(0, 300)));
}

TEST_F(FeedsTest, ADamagedTileIsFoundByWhoeverNeedsIt) {
  const FeedUri uri = primes_of(create());
  const SubfeedId subfeed = *subfeed_id(uri);
  append(uri, numbers(0, 1000));
  change("UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND number = 1");
  EXPECT_EQ(read(subfeed), joined(numbers(0, 1000)));
  EXPECT_NE(read(subfeed, {300, 1}).find("damaged"), std::string::npos);
  EXPECT_EQ(feeds_.prove(subfeed, 300).error().code, Code::corrupt);
  change("DELETE FROM tiles WHERE level = 1");
  EXPECT_EQ(feeds_.prove(subfeed, 900).error().code, Code::corrupt);
  EXPECT_NE(append(uri, numbers(0, 100)).find("damaged"), std::string::npos);
}

// Damaged entries of a bundle that is not full are not hashed into the tile that it becomes.
TEST_F(FeedsTest, DamageDoesNotSpread) {
  const FeedUri uri = primes_of(create());
  append(uri, numbers(0, 200));
  change(
      "UPDATE runs SET entries = CAST(replace(CAST(entries AS TEXT), '\"message\":7', '\"message\":8') AS "
      "BLOB)");
  EXPECT_NE(append(uri, numbers(200, 100)).find("damaged"), std::string::npos);
}

TEST_F(FeedsTest, AnOlderCopyIsNotSignedBelow) {
  const FeedUri uri = primes_of(create());
  const SubfeedId subfeed = *subfeed_id(uri);
  append(uri, {"0", "1"});
  {
    // At rest, as a backup would find it.
    Feeds other(place(), system_clock());
    change("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  fs::copy(home_ / "store/logs.db", home_ / "backup.db");
  append(uri, {"2"});
  for (const char* name : {"logs.db", "logs.db-wal", "logs.db-shm"}) fs::remove(home_ / "store" / name);
  fs::copy(home_ / "backup.db", home_ / "store/logs.db");
  const auto outcome = feeds_.append(uri, std::vector<std::string>{"\"other\""});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::corrupt);
  EXPECT_NE(outcome.error().message.find("logs.db has 2 messages, but 3 were signed"), std::string::npos);
  EXPECT_EQ(read(subfeed), "0 1 ");
  // Another subfeed goes on.
  EXPECT_EQ(append({uri.feed, "squares"}, {"4"}), "0");
  for (const char* name : {"logs.db", "logs.db-wal", "logs.db-shm"}) fs::remove(home_ / "store" / name);
  EXPECT_NE(read(subfeed).find("logs.db has nothing of it, but 3 messages were signed"), std::string::npos);
  EXPECT_EQ(feeds_.size(subfeed).error().code, Code::corrupt);
  EXPECT_EQ(feeds_.append(uri, std::vector<std::string>{"0"}).error().code, Code::corrupt);
}

// --- Deleting.

TEST_F(FeedsTest, DeletedIsGoneForGood) {
  const auto feed = feeds_.create("measured", TakenName::refuse);
  const FeedUri uri{*feed, "secrets"};
  const SubfeedId subfeed = *subfeed_id(uri);
  append(uri, {"\"" + std::string(100, 'x') + "very secret\"", "\"" + std::string(70'000, 'y') + "\""});
  Feeds other(place(), system_clock());
  EXPECT_TRUE(*other.remove(*feed));
  EXPECT_FALSE(*other.remove(*feed));
  EXPECT_EQ(feeds_.read(subfeed, {}).error().code, Code::not_found);
  EXPECT_EQ(feeds_.size(subfeed).error().code, Code::not_found);
  EXPECT_EQ(feeds_.append(uri, std::vector<std::string>{"1"}).error().code, Code::not_found);
  EXPECT_EQ(*feeds_.find("measured"), std::nullopt);
  EXPECT_FALSE(feeds_.is_writable(*feed));
  EXPECT_FALSE(*feeds_.knows(*feed));
  EXPECT_EQ(feeds_.list()->size(), 0U);
  EXPECT_FALSE(fs::exists(home_ / "keys" / (feed->hex() + ".pem")));
  for (const char* name : {"logs.db", "logs.db-wal"}) {
    std::ifstream file(home_ / "store" / name);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(bytes.find("very secret"), std::string::npos) << name;
    EXPECT_EQ(bytes.find(std::string(1000, 'y')), std::string::npos) << name;
  }
}

TEST_F(FeedsTest, AKeyThatWasKeptElsewhereDoesNotBringADeletedFeedBack) {
  const FeedUri uri = primes_of(create());
  append(uri, {"1"});
  const fs::path key = home_ / "keys" / (uri.feed.hex() + ".pem");
  fs::copy(key, home_ / "kept.pem");
  EXPECT_TRUE(*feeds_.remove(uri.feed));
  fs::copy(home_ / "kept.pem", key);
  EXPECT_EQ(feeds_.append(uri, std::vector<std::string>{"2"}).error().code, Code::not_found);
}

TEST_F(FeedsTest, WhatIsNotHereCannotBeDeletedOrProved) {
  const SubfeedId unknown{FeedId(KeyPair::generate().node_id()), *subfeed_hash("primes")};
  EXPECT_FALSE(*feeds_.remove(unknown.feed));
  EXPECT_FALSE(*feeds_.knows(unknown.feed));
  EXPECT_EQ(feeds_.prove(unknown, 0).error().code, Code::not_found);
  EXPECT_EQ(feeds_.checkpoint(unknown).error().code, Code::not_found);
  EXPECT_EQ(feeds_.prove_since(unknown, 1).error().code, Code::not_found);
  EXPECT_EQ(read(unknown), "");
  EXPECT_FALSE(fs::exists(home_ / "store"));
}

}  // namespace
}  // namespace kachery::feed
