#include "net/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace kachery {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Task<> offload_twice(Loop& loop, std::thread::id& worked, std::thread::id& resumed, int& result) {
  auto work = [&worked] {
    worked = std::this_thread::get_id();
    return std::make_unique<int>(20);
  };
  std::unique_ptr<int> value = co_await loop.offload(work);
  resumed = std::this_thread::get_id();
  auto more = [value = std::move(value)] { return *value + 1; };
  result = co_await loop.offload(std::move(more));
  loop.stop();
}

TEST(Loop, WorkIsDoneOnThePoolAndItsResultComesBackToTheNetworkThread) {
  Loop loop(2);
  std::thread::id worked;
  std::thread::id resumed;
  int result = 0;
  loop.spawn(offload_twice(loop, worked, resumed, result));
  loop.run();
  EXPECT_NE(worked, std::this_thread::get_id());
  EXPECT_EQ(resumed, std::this_thread::get_id());
  EXPECT_EQ(result, 21);
}

TEST(Loop, PostsOfManyThreadsAllRunOnTheNetworkThread) {
  Loop loop(1);
  constexpr int kThreads = 4;
  constexpr int kPosts = 1000;
  int count = 0;  // Of the network thread alone.
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < kPosts; ++j)
        loop.post([&] {
          if (++count == kThreads * kPosts) loop.stop();
        });
    });
  loop.run();
  EXPECT_EQ(count, kThreads * kPosts);
}

Task<> sleep_and_stop(Loop& loop, milliseconds time) {
  co_await loop.sleep(time);
  loop.stop();
}

TEST(Loop, SleepLastsAtLeastAsLongAsAsked) {
  Loop loop(1);
  loop.spawn(sleep_and_stop(loop, milliseconds(30)));
  const auto start = steady_clock::now();
  loop.run();
  EXPECT_GE(steady_clock::now() - start, milliseconds(30));
}

Task<> wait_for(Signal& signal, milliseconds wait, std::vector<bool>& outcomes) {
  const bool notified = co_await signal.wait(wait);
  outcomes.push_back(notified);
}

Task<> notify_and_stop(Loop& loop, Signal& signal, std::vector<bool>& outcomes) {
  co_await loop.sleep(milliseconds(50));
  signal.notify();
  signal.notify();
  while (outcomes.size() < 3) co_await loop.sleep(milliseconds(1));
  loop.stop();
}

TEST(Loop, ASignalWakesAllWhoWaitAndNobodyWhoGaveUp) {
  Loop loop(1);
  Signal signal(loop);
  std::vector<bool> outcomes;
  loop.spawn(wait_for(signal, std::chrono::hours(1), outcomes));
  loop.spawn(wait_for(signal, milliseconds(1), outcomes));
  loop.spawn(wait_for(signal, std::chrono::hours(1), outcomes));
  loop.spawn(notify_and_stop(loop, signal, outcomes));
  loop.run();
  EXPECT_EQ(outcomes, (std::vector<bool>{false, true, true}));
}

Task<> notify_then_wait(Loop& loop, Signal& signal, bool& notified) {
  signal.notify();
  notified = co_await signal.wait(milliseconds(5));
  loop.stop();
}

TEST(Loop, ASignalIsNotKeptForWhoComesLater) {
  Loop loop(1);
  Signal signal(loop);
  bool notified = true;
  loop.spawn(notify_then_wait(loop, signal, notified));
  loop.run();
  EXPECT_FALSE(notified);
}

Task<> wait_with_signal(std::shared_ptr<Signal> signal, std::shared_ptr<int> held) {
  const bool notified = co_await signal->wait(std::chrono::hours(1));
  ADD_FAILURE() << notified << *held;
}

Task<> sleep_long(Loop& loop, std::shared_ptr<int> held) {
  co_await loop.sleep(std::chrono::hours(1));
  ADD_FAILURE() << *held;
}

Task<> work_long(Loop& loop, std::atomic<bool>& begun, std::atomic<bool>& ended, std::shared_ptr<int> held) {
  auto work = [&begun, &ended] {
    begun = true;
    std::this_thread::sleep_for(milliseconds(50));
    ended = true;
    return true;
  };
  const bool done = co_await loop.offload(work);
  ADD_FAILURE() << done << *held;
}

// A timer, a signal in a frame that is destroyed, and work that is still going on.
TEST(Loop, StoppedWhileTasksWaitItFinishesThePoolAndDestroysThem) {
  const auto held = std::make_shared<int>(7);
  std::atomic<bool> begun = false;
  std::atomic<bool> ended = false;
  Loop loop(1);
  loop.spawn(wait_with_signal(std::make_shared<Signal>(loop), held));
  loop.spawn(sleep_long(loop, held));
  loop.spawn(work_long(loop, begun, ended, held));
  const std::jthread stopper([&] {
    while (!begun) std::this_thread::yield();
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(ended);
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace kachery
