#include "hub/operations/rates.h"

#include <gtest/gtest.h>

namespace kachery::hub {
namespace {

using std::chrono_literals::operator""ms;

TEST(Rates, LetABurstThroughAndThenTheRate) {
  Rates rates({10, 3});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(rates.take("a", 1, 0));
  const auto wait = rates.take("a", 1, 0);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, 100ms);
  EXPECT_TRUE(rates.take("a", 1, 99));
  EXPECT_FALSE(rates.take("a", 1, 101)) << "whoever waits as long as they are told is let through";
}

// One who asks too much is not to keep others from the hub.
TEST(Rates, AreOfEachKeyByItself) {
  Rates rates({1, 1});
  EXPECT_FALSE(rates.take("a", 1, 0));
  EXPECT_TRUE(rates.take("a", 1, 0));
  EXPECT_FALSE(rates.take("b", 1, 0));
}

TEST(Rates, NeverGiveMoreThanTheBurstAfterAPause) {
  Rates rates({10, 2});
  EXPECT_FALSE(rates.take("a", 2, 0));
  EXPECT_FALSE(rates.take("a", 2, 3'600'000));
  EXPECT_TRUE(rates.take("a", 1, 3'600'000));
}

// A batch that is larger than the burst must not be refused for ever.
TEST(Rates, LetALargeCostThroughAndCollectItAfterwards) {
  Rates rates({10, 10});
  EXPECT_FALSE(rates.take("a", 100, 0));
  const auto wait = rates.take("a", 1, 0);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, 9'100ms);
}

TEST(Rates, SurviveAClockThatGoesBack) {
  Rates rates({10, 1});
  EXPECT_FALSE(rates.take("a", 1, 10'000));
  const auto wait = rates.take("a", 1, 0);
  ASSERT_TRUE(wait);
  EXPECT_LE(*wait, 100ms);
}

// Strangers with very many addresses cost no more memory; those who are known already keep their own bucket.
TEST(Rates, ShareABucketWhereThereAreTooMany) {
  Rates rates({1, 1}, 2);
  EXPECT_FALSE(rates.take("a", 1, 0));
  EXPECT_FALSE(rates.take("b", 1, 0));
  EXPECT_FALSE(rates.take("c", 1, 0));
  EXPECT_TRUE(rates.take("d", 1, 0)) << "as c";
  EXPECT_FALSE(rates.take("a", 1, 1'000));
  EXPECT_FALSE(rates.take("e", 1, 20'000)) << "full buckets are forgotten";
  EXPECT_FALSE(rates.take("f", 1, 20'000));
}

}  // namespace
}  // namespace kachery::hub
