#include "hub/gateway/found_cache.h"

#include <gtest/gtest.h>

#include "crypto/hasher.h"

namespace kachery::hub {
namespace {

Digest digest(int number) {
  return Hasher::of(Algorithm::sha1, as_bytes(std::to_string(number)));
}

FoundCache::Records file(int number) {
  return {FileRecord{.digest = digest(number), .size = 1, .chunk = {}, .manifests = {}}};
}

class FoundCacheTest : public testing::Test {
 protected:
  bool knows(int number, const char* in = "default") const {
    const std::vector digests{digest(number)};
    return cache.find(ZoneName::parse(in).value(), {.zone = true}, digests).has_value();
  }

  const ZoneName zone = ZoneName::parse("default").value();
  FoundCache cache{100};
};

TEST_F(FoundCacheTest, KnowsWhatWasFoundInThatZone) {
  cache.put(cache.generation(), zone, file(1));
  cache.put(cache.generation(), zone, {std::nullopt});
  EXPECT_TRUE(knows(1));
  EXPECT_FALSE(knows(1, "other"));
  EXPECT_FALSE(knows(2));
}

// A file that was removed while somebody was reading of it must not come back.
TEST_F(FoundCacheTest, TakesNothingThatWasReadBeforeAChange) {
  const std::uint64_t before = cache.generation();
  cache.clear();
  cache.put(before, zone, file(1));
  EXPECT_FALSE(knows(1));
}

TEST_F(FoundCacheTest, StaysBounded) {
  for (int i = 0; i <= 100; ++i) cache.put(cache.generation(), zone, file(i));
  EXPECT_TRUE(knows(100));
  EXPECT_FALSE(knows(0));
}

// What one reader has found is not for others.
TEST_F(FoundCacheTest, KnowsFilesForThoseWhoHoldTheirGrant) {
  const ChannelName rats = ChannelName::parse("rats").value();
  const ChannelName mice = ChannelName::parse("mice").value();
  FoundCache::Records of_rats = file(1);
  of_rats.front()->channel = rats;
  cache.put(cache.generation(), zone, of_rats);
  const std::vector digests{digest(1)};
  EXPECT_FALSE(knows(1)) << "the zone's own readers";
  EXPECT_FALSE(cache.find(zone, {.zone = true, .channels = {mice}}, digests));
  EXPECT_FALSE(cache.find(zone, {}, digests));
  EXPECT_TRUE(cache.find(zone, {.zone = false, .channels = {mice, rats}}, digests));
  cache.put(cache.generation(), zone, file(1));
  EXPECT_TRUE(knows(1));
  EXPECT_EQ(cache.find(zone, {.zone = true, .channels = {rats}}, digests)->front()->channel, std::nullopt);
}

}  // namespace
}  // namespace kachery::hub
