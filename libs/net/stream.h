// Stream: bytes to and from a peer, through TCP or TLS. It hides Asio's templates from what is built on them;
// inside net only.
#pragma once

#include <array>
#include <boost/system/error_code.hpp>
#include <coroutine>
#include <functional>
#include <span>

#include "core/bytes.h"

namespace kachery {

// What has become of an operation. A read of 0 bytes without an error is the end.
struct IoOutcome {
  boost::system::error_code error;
  std::size_t bytes = 0;
};

// Up to three pieces that are written as one; empty ones are skipped.
using Pieces = std::array<ByteView, 3>;

// Called once, on the network thread, never before the operation's function has returned.
using WhenDone = std::move_only_function<void(IoOutcome)>;

// One operation of each kind may be under way, and nothing of it is called after the loop has ceased to run.
class Stream {
 public:
  virtual ~Stream() = default;

  virtual void start_handshake(WhenDone done) = 0;
  virtual void start_read(std::span<std::byte> into, WhenDone done) = 0;
  virtual void start_write(const Pieces& pieces, WhenDone done) = 0;
  // Tells the peer that nothing more comes.
  virtual void start_shut_down(WhenDone done) = 0;
  // Reads what nobody will look at: below TLS.
  virtual void start_discard(std::span<std::byte> into, WhenDone done) = 0;

  // What is under way fails; the stream can still be used.
  virtual void cancel() = 0;
  // Ends the connection so that the peer sees that something is missing.
  virtual void abort() = 0;
  virtual bool is_connected() const = 0;
};

// Awaits one operation: `Operation reading([&](WhenDone done) { stream.start_read(into, std::move(done)); });
// const IoOutcome outcome = co_await reading;`
template <class Start>
class [[nodiscard]] Operation {
 public:
  explicit Operation(Start start) : start_(std::move(start)) {}
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    start_([this, awaiter](IoOutcome outcome) {
      outcome_ = outcome;
      awaiter.resume();
    });
  }
  IoOutcome await_resume() const noexcept { return outcome_; }

 private:
  Start start_;
  IoOutcome outcome_;
};

}  // namespace kachery
