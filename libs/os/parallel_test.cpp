#include "os/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace kachery {
namespace {

TEST(ParallelFor, DoesEveryItemOnce) {
  std::vector<std::atomic<int>> done(1000);
  ASSERT_TRUE(parallel_for(done.size(), 4, [&](std::size_t i) -> Result<> {
    ++done[i];
    return {};
  }));
  for (const auto& count : done) EXPECT_EQ(count, 1);
}

TEST(ParallelFor, ReturnsAFailureAndBeginsNothingNewAfterIt) {
  std::atomic<int> begun = 0;
  const Result<> outcome = parallel_for(1'000'000, 2, [&](std::size_t i) -> Result<> {
    ++begun;
    if (i == 10) return fail(Code::exhausted, "full");
    return {};
  });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::exhausted);
  EXPECT_LT(begun, 1'000'000);
}

TEST(ParallelFor, OfNothingIsNothing) {
  EXPECT_TRUE(parallel_for(0, 4, [](std::size_t) -> Result<> { return fail(Code::internal, "called"); }));
}

}  // namespace
}  // namespace kachery
