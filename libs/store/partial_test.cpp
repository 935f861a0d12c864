// What an interrupted fetch leaves, and what becomes of it.
#include "store/partial.h"

#include "store/store_fixture.h"

namespace kachery {
namespace {

class StoppedClock final : public Clock {
 public:
  explicit StoppedClock(std::int64_t now_ns) : now_ns_(now_ns) {}
  std::int64_t now_ns() const override { return now_ns_; }

 private:
  std::int64_t now_ns_;
};

class PartialTest : public testing::Test {
 protected:
  std::unique_ptr<Partial> open() { return *Partial::open(disk_, digest_, progress_); }

  MemoryDirectory disk_;
  Progress progress_;
  const std::string bytes_ = pattern(3000);
  const Digest digest_ = sha1_of(bytes_);
};

TEST_F(PartialTest, KeepsWhatWasNotedUnderTheSameManifestOnly) {
  {
    const auto partial = open();
    ASSERT_TRUE(partial->begin("one", 20));
    ASSERT_TRUE(partial->data().write_at(1000, as_bytes(bytes_).subspan(1000, 500)));
    ASSERT_TRUE(partial->note(9));
  }
  {
    const auto partial = open();
    EXPECT_EQ(partial->manifest(), "one");
    ASSERT_TRUE(partial->begin("one", 20));
    EXPECT_TRUE(partial->has(9));
    EXPECT_FALSE(partial->has(8));
    std::string part(500, ' ');
    ASSERT_TRUE(read_exactly(partial->data(), 1000, std::as_writable_bytes(std::span(part))));
    EXPECT_EQ(part, bytes_.substr(1000, 500));
  }
  const auto partial = open();
  ASSERT_TRUE(partial->begin("two", 20));
  EXPECT_FALSE(partial->has(9));
  EXPECT_EQ(partial->data().stamp()->size, 0U);
}

TEST_F(PartialTest, IsOneFetchAtATime) {
  const auto partial = open();
  progress_.cancel = true;
  EXPECT_EQ(Partial::open(disk_, digest_, progress_).error().code, Code::cancelled);
}

TEST_F(PartialTest, BecomesAnObjectAndIsGone) {
  Store store = make_store(disk_);
  auto partial = open();
  ASSERT_TRUE(partial->begin("one", 1));
  ASSERT_TRUE(partial->data().write_at(0, as_bytes(bytes_)));
  ASSERT_TRUE(store.adopt(std::move(partial), {digest_, bytes_.size()}));
  EXPECT_EQ(get(store, digest_), bytes_);
  EXPECT_TRUE(disk_.list("partial")->empty());
  const auto after = disk_.after_power_cut(PowerCut::keeps_synced_only);
  Store later = make_store(*after);
  EXPECT_EQ(get(later, digest_), bytes_) << "it was acknowledged";
}

TEST_F(PartialTest, IsRemovedAfterAWeekUnlessSomebodyWorksInIt) {
  auto partial = open();
  ASSERT_TRUE(partial->begin("one", 1));
  ASSERT_TRUE(partial->note(0));
  const std::int64_t used_ns = disk_.stamp("partial/" + digest_.hex() + "/bitmap")->mtime_ns;
  constexpr std::int64_t kDayNs = 24LL * 3600 * 1'000'000'000;
  reap_partials(disk_, StoppedClock(used_ns + 8 * kDayNs));
  EXPECT_TRUE(disk_.stamp("partial/" + digest_.hex() + "/data")) << "it is being worked in";
  partial.reset();
  reap_partials(disk_, StoppedClock(used_ns + 6 * kDayNs));
  EXPECT_TRUE(disk_.stamp("partial/" + digest_.hex() + "/data"));
  reap_partials(disk_, StoppedClock(used_ns + 8 * kDayNs));
  EXPECT_TRUE(disk_.list("partial")->empty());
}

TEST_F(PartialTest, ContentsInMemoryAreKeptOnlyIfTheyAreRight) {
  Store store = make_store(disk_);
  const std::string other = "other";
  EXPECT_EQ(VerifiedContent::check(digest_, as_bytes(other)).error().code, Code::corrupt);
  const std::vector<VerifiedContent> right{*VerifiedContent::check(digest_, as_bytes(bytes_)),
                                           *VerifiedContent::check(sha1_of(other), as_bytes(other))};
  ASSERT_TRUE(store.put_contents(right, Origin::fetched, progress_));
  EXPECT_EQ(get(store, digest_), bytes_);
  EXPECT_EQ(get(store, sha1_of(other)), other);
}

}  // namespace
}  // namespace kachery
