#include "net/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/intrusive/list.hpp>

namespace kachery {

namespace asio = boost::asio;
namespace intrusive = boost::intrusive;

namespace {

// Leaves its list when it is destroyed; a list that is destroyed lets its members go. So the order in which
// tasks are destroyed does not matter.
using Listed = intrusive::list_base_hook<intrusive::link_mode<intrusive::auto_unlink>>;
template <class T>
using ListOf = intrusive::list<T, intrusive::constant_time_size<false>>;

// A spawned task: its frame is freed when it ends, or by the loop.
struct Root {
  struct promise_type : Listed {
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Root run_to_its_end(Task<> task) {
  co_await task;
}

// A frame that waits here is destroyed only after the context has ceased to run (Loop::run), so that the
// handler never meets a frame that is gone.
struct Expiry {
  asio::steady_timer& timer;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) const {
    timer.async_wait([awaiter](boost::system::error_code) { awaiter.resume(); });
  }
  void await_resume() const noexcept {}
};

}  // namespace

struct Loop::State {
  explicit State(std::size_t pool_threads) : pool(pool_threads) {}

  void finish() {
    pool.join();
    while (!roots.empty()) std::coroutine_handle<Root::promise_type>::from_promise(roots.front()).destroy();
  }

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
  asio::thread_pool pool;
  ListOf<Root::promise_type> roots;
};

Loop::Loop(std::size_t pool_threads) : state_(std::make_unique<State>(pool_threads)) {}

Loop::~Loop() {
  state_->finish();
}

void Loop::run() {
  state_->context.run();
  state_->finish();
}

void Loop::stop() {
  state_->context.stop();
}

void Loop::post(std::move_only_function<void()> work) {
  asio::post(state_->context, std::move(work));
}

void Loop::spawn(Task<> task) {
  const Root root = run_to_its_end(std::move(task));
  state_->roots.push_back(root.handle.promise());
  asio::post(state_->context, [handle = root.handle] { handle.resume(); });
}

Task<> Loop::sleep(std::chrono::milliseconds time) {
  asio::steady_timer timer(state_->context, time);
  const Expiry expiry{timer};
  co_await expiry;
}

asio::io_context& Loop::context() {
  return state_->context;
}

void Loop::run_on_pool(std::move_only_function<void()> work, std::coroutine_handle<> then) {
  asio::post(state_->pool, [&context = state_->context, work = std::move(work), then] mutable {
    work();
    asio::post(context, [then] { then.resume(); });
  });
}

struct Signal::State {
  struct Waiter : Listed {
    Waiter(asio::io_context& context, std::chrono::milliseconds wait) : timer(context, wait) {}
    asio::steady_timer timer;
    bool is_notified = false;
  };

  Loop& loop;
  ListOf<Waiter> waiters = {};
};

Signal::Signal(Loop& loop) : state_(std::make_unique<State>(State{loop})) {}

Signal::~Signal() = default;

Task<bool> Signal::wait(std::chrono::milliseconds wait) {
  State::Waiter waiter(state_->loop.context(), wait);
  state_->waiters.push_back(waiter);
  const Expiry expiry{waiter.timer};
  co_await expiry;
  co_return waiter.is_notified;
}

// They go on when the caller has returned to the loop.
void Signal::notify() {
  while (!state_->waiters.empty()) {
    State::Waiter& waiter = state_->waiters.front();
    state_->waiters.pop_front();
    waiter.is_notified = true;
    waiter.timer.cancel();
  }
}

}  // namespace kachery
