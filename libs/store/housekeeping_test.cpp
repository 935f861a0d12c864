// What goes away is what may go away, and nothing that was acknowledged.
#include "store/housekeeping.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "os/random.h"
#include "store/store_fixture.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kHourNs = 3600LL * 1'000'000'000;

// The time of this machine, moved as the test likes.
class MovedClock final : public Clock {
 public:
  std::int64_t now_ns() const override { return system_clock().now_ns() + ahead_ns; }
  std::atomic<std::int64_t> ahead_ns = 0;
};

class HousekeepingTest : public testing::Test {
 protected:
  HousekeepingTest() : path_(fs::path(testing::TempDir()) / ("housekeeping_test_" + random_hex(8))) {
    root_ = *open_directory(path_, Missing::create);
    notes_ = ObjectNotes::open(path_ / "index.db");
    store_ = std::make_unique<Store>(StoreParts{*root_, nullptr, notes_.get(), clock_, 2});
  }
  ~HousekeepingTest() override {
    store_.reset();
    notes_.reset();
    fs::remove_all(path_);
  }

  Digest keep(const std::string& bytes, Origin origin) {
    PatternSource source(bytes);
    const auto stored = store_->put(source, Algorithm::sha1, progress_, origin);
    EXPECT_TRUE(stored) << stored.error().message;
    return stored->digest;
  }

  Collected collect(CollectWish wish) {
    evicted_.clear();
    const auto collected = store_->housekeeping().collect(
        wish,
        [&](const ObjectEntry& entry) -> Result<> {
          evicted_.push_back(entry.digest);
          return {};
        },
        progress_);
    EXPECT_TRUE(collected) << collected.error().message;
    return collected.value_or(Collected{});
  }

  bool is_there(const Digest& digest) const { return root_->stamp(object_path(digest)).has_value(); }

  fs::path path_;
  MovedClock clock_;
  std::unique_ptr<Directory> root_;
  std::unique_ptr<ObjectNotes> notes_;
  std::unique_ptr<Store> store_;
  Progress progress_;
  std::vector<Digest> evicted_;
};

TEST_F(HousekeepingTest, EvictsWhatWasUsedLongestAgoOfWhatWasFetched) {
  const Digest own = keep("my own", Origin::own);
  const Digest first = keep(std::string(100, '1'), Origin::fetched);
  const Digest second = keep(std::string(100, '2'), Origin::fetched);
  const Digest third = keep(std::string(100, '3'), Origin::fetched);
  clock_.ahead_ns = 2 * kHourNs;
  EXPECT_EQ(get(*store_, first), std::string(100, '1'));
  clock_.ahead_ns = 4 * kHourNs;

  const Collected dry = collect({.limit = 210, .dry_run = true});
  EXPECT_EQ(dry.evicted.count, 1U);
  EXPECT_TRUE(is_there(second)) << "only said";
  const Collected collected = collect({.limit = 210});
  EXPECT_EQ(collected.before.count, 4U);
  EXPECT_EQ(collected.before.bytes, 306U);
  EXPECT_EQ(evicted_, std::vector{second});
  EXPECT_FALSE(is_there(second));
  EXPECT_TRUE(is_there(first)) << "it was loaded since";
  EXPECT_TRUE(is_there(third));
  EXPECT_FALSE(root_->list(object_path(second).substr(0, 7))) << "its folders went with it";

  collect({.limit = 0});
  EXPECT_TRUE(is_there(own)) << "the user's own stays, whatever the limit";
  EXPECT_FALSE(is_there(first));
  EXPECT_EQ(collect({.limit = 0, .own = true}).evicted.count, 1U);
  EXPECT_FALSE(is_there(own));
}

TEST_F(HousekeepingTest, SparesWhatIsYoungOrWasJustLoaded) {
  const Digest digest = keep("fetched", Origin::fetched);
  EXPECT_EQ(collect({.limit = 0}).young.count, 1U);
  clock_.ahead_ns = 2 * kHourNs;
  EXPECT_TRUE(store_->open(digest, progress_));
  EXPECT_EQ(collect({.limit = 0}).evicted.count, 0U);
  clock_.ahead_ns = 4 * kHourNs;
  EXPECT_EQ(collect({.limit = 0}).evicted.count, 1U);
}

TEST_F(HousekeepingTest, WhatTheUserStoresIsTheUsersOwnEvenIfItWasFetchedBefore) {
  const Digest digest = keep("content", Origin::fetched);
  keep("content", Origin::own);
  keep("content", Origin::fetched);
  clock_.ahead_ns = 4 * kHourNs;
  EXPECT_EQ(collect({.limit = 0}).evicted.count, 0U);
  EXPECT_TRUE(is_there(digest));
}

// A power cut may bring back a row of the index, but not the time of a file that was synced.
TEST_F(HousekeepingTest, WhatIsTheUsersOwnStaysSoThoughTheIndexForgetsIt) {
  const Digest digest = keep("content", Origin::fetched);
  const FileStamp fetched = *root_->stamp(object_path(digest));
  keep("content", Origin::own);
  const ObjectNotes::Fetched row{digest, fetched, clock_.now_ns()};
  notes_->remember_fetched({&row, 1});
  clock_.ahead_ns = 4 * kHourNs;
  EXPECT_EQ(collect({.limit = 0}).evicted.count, 0U);
}

// A fetch of what was fetched long ago makes it young, and leaves it evictable.
TEST_F(HousekeepingTest, WhatIsFetchedAgainMayBeEvictedLater) {
  keep("content", Origin::fetched);
  clock_.ahead_ns = 2 * kHourNs;
  keep("content", Origin::fetched);
  clock_.ahead_ns = 8 * kHourNs;
  EXPECT_EQ(collect({.limit = 0}).evicted.count, 1U);
}

TEST_F(HousekeepingTest, WithoutItsMemoryEverythingIsTheUsersOwn) {
  const Digest digest = keep("content", Origin::fetched);
  notes_->forget({&digest, 1});
  clock_.ahead_ns = 4 * kHourNs;
  EXPECT_EQ(collect({.limit = 0}).evicted.count, 0U);
}

TEST_F(HousekeepingTest, TalliesAndLists) {
  keep("12345", Origin::own);
  keep("123", Origin::fetched);
  const fs::path linked = path_ / "linked";
  std::ofstream(linked) << "1234567";
  ASSERT_TRUE(store_->link_files({&linked, 1}, Algorithm::sha1, progress_));
  const auto usage = store_->housekeeping().usage(progress_);
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->own.count, 1U);
  EXPECT_EQ(usage->own.bytes, 5U);
  EXPECT_EQ(usage->fetched.bytes, 3U);
  EXPECT_EQ(usage->links.count, 1U) << "two records, one link";
  EXPECT_EQ(usage->links.bytes, 7U);
  EXPECT_EQ(usage->unfinished.count, 0U);
}

TEST_F(HousekeepingTest, RemovesTheObjectAndTheRecordsButNeverALinkedFile) {
  const fs::path linked = path_ / "linked";
  std::ofstream(linked) << "content";
  ASSERT_TRUE(store_->link_files({&linked, 1}, Algorithm::sha1, progress_));
  const Digest digest = keep("content", Origin::own);
  const auto removed = store_->housekeeping().remove(digest, progress_);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(removed->object);
  EXPECT_EQ(removed->links, 2U);
  EXPECT_EQ(removed->size, 7U);
  EXPECT_TRUE(fs::exists(linked));
  EXPECT_EQ(store_->open(digest, progress_).error().code, Code::not_found);
  EXPECT_EQ(store_->housekeeping().remove(digest, progress_).error().code, Code::not_found);
}

// Stores and evictions of the same few objects, as fast as they can: what a store acknowledged as the user's
// own is there afterwards, always.
TEST_F(HousekeepingTest, NothingAcknowledgedGoesWhileEverythingElseDoes) {
  constexpr int kRounds = 200;
  std::atomic<bool> done = false;
  std::thread collector([&] {
    Store other(StoreParts{*root_, nullptr, notes_.get(), clock_, 1});
    Progress unwatched;
    while (!done) {
      const auto collected = other.housekeeping().collect(
          {.limit = 0, .age_min_ns = 0}, [](const ObjectEntry&) { return Result<>(); }, unwatched);
      EXPECT_TRUE(collected) << collected.error().message;
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    const std::string bytes = "round " + std::to_string(i);
    keep(bytes, Origin::fetched);
    const Digest digest = keep(bytes, Origin::own);
    EXPECT_TRUE(is_there(digest)) << bytes;
    EXPECT_EQ(get(*store_, digest), bytes);
  }
  done = true;
  collector.join();
  for (int i = 0; i < kRounds; ++i) EXPECT_TRUE(is_there(sha1_of("round " + std::to_string(i)))) << i;
}

}  // namespace
}  // namespace kachery
