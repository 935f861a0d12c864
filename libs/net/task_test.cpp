#include "net/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "net/loop.h"

namespace kachery {
namespace {

// Runs a task on a loop of its own, until it has ended.
void run(Loop& loop, Task<> task) {
  loop.spawn(std::move(task));
  loop.run();
}

Task<std::unique_ptr<int>> give_unique(int value) {
  co_return std::make_unique<int>(value);
}

Task<Result<std::string>> give_text(bool fails) {
  if (fails) co_return fail(Code::not_found, "none");
  co_return "text";
}

Task<Result<std::size_t>> text_size(bool fails) {
  KACHERY_CO_TRY(text, co_await give_text(fails));
  co_return text.size();
}

Task<> collect(Loop& loop, int& unique, Result<std::size_t>& size, Result<std::size_t>& failed) {
  const std::unique_ptr<int> given = co_await give_unique(42);
  unique = *given;
  size = co_await text_size(false);
  failed = co_await text_size(true);
  loop.stop();
}

TEST(Task, GivesValuesThatCanOnlyBeMovedAndFailures) {
  Loop loop(1);
  int unique = 0;
  Result<std::size_t> size = 0U;
  Result<std::size_t> failed = 0U;
  run(loop, collect(loop, unique, size, failed));
  EXPECT_EQ(unique, 42);
  EXPECT_EQ(*size, 4U);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::not_found);
}

Task<int> one() {
  co_return 1;
}

Task<> count(Loop& loop, int times, int& sum) {
  for (int i = 0; i < times; ++i) {
    const int more = co_await one();
    sum += more;
  }
  loop.stop();
}

// Each of these ends at once and goes on with its awaiter; on the stack a million would not fit.
TEST(Task, MillionsInARowDoNotGrowTheStack) {
  Loop loop(1);
  int sum = 0;
  run(loop, count(loop, 1'000'000, sum));
  EXPECT_EQ(sum, 1'000'000);
}

Task<int> descend(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await descend(depth - 1);
  co_return below + 1;
}

Task<> measure_depth(Loop& loop, int depth, int& reached) {
  reached = co_await descend(depth);
  loop.stop();
}

TEST(Task, MayBeNestedDeeplyWithoutGrowingTheStack) {
  Loop loop(1);
  int reached = 0;
  run(loop, measure_depth(loop, 100'000, reached));
  EXPECT_EQ(reached, 100'000);
}

Task<> hold(std::shared_ptr<int> held) {
  std::suspend_always for_ever;
  co_await for_ever;
  ADD_FAILURE() << "went on with " << *held;
}

Task<> hold_nested(std::shared_ptr<int> held) {
  co_await hold(held);
}

TEST(Task, ThatWaitsIsDestroyedWithItsLocals) {
  const auto held = std::make_shared<int>(7);
  {
    Loop loop(1);
    loop.spawn(hold_nested(held));
    loop.post([&] { loop.stop(); });
    loop.run();
    EXPECT_EQ(held.use_count(), 1) << "run() leaves a task";
  }
}

TEST(Task, ThatWasNeverStartedIsDestroyedWithItsParameters) {
  const auto held = std::make_shared<int>(7);
  {
    const Task<> task = hold(held);
  }
  {
    Loop loop(1);
    loop.spawn(hold(held));
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace kachery
