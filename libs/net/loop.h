// Loop: the network thread, and the few threads beside it that may block.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "net/task.h"

namespace boost::asio {
class io_context;
}

namespace kachery {

// Everything that belongs to a loop is used on its network thread only, but for what says otherwise; so
// nothing of it needs a lock. Destroyed after run() has returned, on the same thread.
class Loop {
 public:
  // `pool_threads` is how much may block at once: disk, hashes, SQL.
  explicit Loop(std::size_t pool_threads);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // Makes the calling thread the network thread, until stop(); once. Before it returns it destroys the tasks
  // that have not ended, where they wait; so what they use needs to live no longer.
  void run();
  // From any thread. What is on the pool is finished first.
  void stop();
  // From any thread: calls `work` on the network thread.
  void post(std::move_only_function<void()> work);
  // Runs a task that nobody waits for. Before run(), or on the network thread.
  void spawn(Task<> task);

  Task<> sleep(std::chrono::milliseconds time);

  // Calls `work` on the pool, and gives what it gave, back on the network thread. `work` uses nothing of the
  // loop.
  template <class Work>
  Task<std::invoke_result_t<Work&>> offload(Work work) {
    std::optional<std::invoke_result_t<Work&>> result;
    OnPool running{*this, [&] { result.emplace(work()); }};
    co_await running;
    co_return *std::move(result);
  }

  // For net/ only.
  boost::asio::io_context& context();

 private:
  struct OnPool {
    Loop& loop;
    std::move_only_function<void()> work;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiter) { loop.run_on_pool(std::move(work), awaiter); }
    void await_resume() const noexcept {}
  };

  void run_on_pool(std::move_only_function<void()> work, std::coroutine_handle<> then);

  struct State;
  std::unique_ptr<State> state_;
};

// What coroutines wait for until somebody says that it has happened. The loop outlives it. Network thread
// only.
class Signal {
 public:
  explicit Signal(Loop& loop);
  ~Signal();  // Nobody may be waiting, unless the loop has been stopped.

  // Until notify(), or for `wait` at most. True: it was notified.
  Task<bool> wait(std::chrono::milliseconds wait);
  // Wakes all who wait now.
  void notify();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kachery
