// Task: a coroutine that gives a value later. Started when it is awaited, once, by one awaiter.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "core/error.h"

namespace kachery {

template <class T = void>
class Task;

namespace detail {

// Ends a task and goes on with whoever awaited it, without growing the stack.
struct TaskEnd {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    return self.promise().continuation;
  }
  void await_resume() const noexcept {}
};

struct TaskPromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  std::suspend_always initial_suspend() const noexcept { return {}; }
  TaskEnd final_suspend() const noexcept { return {}; }
  // Our code throws nothing; a library's exception was turned into an Error by whoever called the library.
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;

  Task<T> get_return_object();
  template <class U>
  void return_value(U&& returned) {
    value.emplace(std::forward<U>(returned));
  }
  T take() { return *std::move(value); }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

// Moved, never copied. Destroyed before it has ended, it ends where it is suspended, and its locals are
// destroyed. Parameters of a coroutine come by value, or by a reference whose owner is documented to live
// longer.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().continuation = awaiter;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  Handle handle_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}

}  // namespace detail

}  // namespace kachery

// As KACHERY_TRY, for coroutines that give a Result. The expression may be `co_await task`, whose arguments
// were named before it.
#define KACHERY_CO_TRY(...) \
  KACHERY_TRY_PICK(__VA_ARGS__, KACHERY_CO_TRY_VALUE, KACHERY_CO_TRY_VOID)(__VA_ARGS__)
#define KACHERY_CO_TRY_VOID(expression) \
  KACHERY_CO_TRY_CHECK(expression, KACHERY_TRY_JOIN(kachery_result_, __LINE__))
#define KACHERY_CO_TRY_CHECK(expression, result) \
  auto result = (expression);                    \
  if (!result) [[unlikely]]                      \
  co_return std::unexpected(std::move(result).error())
#define KACHERY_CO_TRY_VALUE(value, expression) \
  KACHERY_CO_TRY_NAMED(value, expression, KACHERY_TRY_JOIN(kachery_result_, __LINE__))
#define KACHERY_CO_TRY_NAMED(value, expression, result)   \
  auto result = (expression);                             \
  if (!result) [[unlikely]]                               \
    co_return std::unexpected(std::move(result).error()); \
  auto value = *std::move(result)
