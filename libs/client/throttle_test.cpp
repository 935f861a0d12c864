#include "client/throttle.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace kachery {
namespace {

using std::chrono::steady_clock;

TEST(Throttle, ThreadsTogetherSendNoFasterThanTheyMay) {
  std::atomic<bool> cancel = false;
  Throttle throttle(1'000'000);
  const auto begun = steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) EXPECT_TRUE(throttle.take(10'000, cancel));
    });
  for (std::thread& thread : threads) thread.join();
  // 400,000 bytes, of which a tenth of a second's worth goes at once.
  EXPECT_GE(steady_clock::now() - begun, std::chrono::milliseconds(290));
}

TEST(Throttle, WhatIsMoreThanASecondsWorthWaitsItsTime) {
  std::atomic<bool> cancel = false;
  Throttle throttle(1'000);
  const auto begun = steady_clock::now();
  EXPECT_TRUE(throttle.take(400, cancel));
  EXPECT_GE(steady_clock::now() - begun, std::chrono::milliseconds(290));
}

TEST(Throttle, WhoeverWaitsCanBeStopped) {
  std::atomic<bool> cancel = true;
  Throttle throttle(1);
  const Result<> taken = throttle.take(1'000'000, cancel);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::cancelled);
}

}  // namespace
}  // namespace kachery
