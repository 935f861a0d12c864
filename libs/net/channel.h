// Channel: calls both ways over one WebSocket. docs/protocol/live.md.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "net/loop.h"
#include "net/websocket.h"

namespace kachery {

struct ChannelLimits {
  std::size_t calls_max = 64;  // Of the peer's, at a time; more are refused.
  std::size_t method_bytes_max = 64;
  std::size_t waiting_bytes_max = 4 << 20;  // To be sent; then calls fail, and progress is left out.
};

// A call of the peer, while it is handled.
class IncomingCall {
 public:
  virtual ~IncomingCall() = default;

  virtual const std::string& method() const = 0;
  virtual const std::string& message() const = 0;
  // Tells the peer how far it is. Of several that wait to be sent, the last one is.
  virtual void progress(std::string message) = 0;
  // Whether the peer wants no answer any more, or has gone; cancelled() wakes who waits when that happens.
  virtual bool is_cancelled() const = 0;
  virtual Signal& cancelled() = 0;
};

// A call to the peer.
struct OutgoingCall {
  std::string method;  // Letters and '_'.
  std::string message;
  std::chrono::milliseconds wait_max{30'000};                     // For the answer, or the next progress.
  std::function<void(const std::string& message)> progress = {};  // May be empty.
};

// Network thread only; destroyed there, it cuts the connection. A call is answered once; answers to calls
// that nobody waits for any more are dropped, and IDs are never used again.
class Channel {
 public:
  // What is called for each call of the peer, and gives its answer. It may outlive the channel: `call`
  // belongs to it.
  using Handler = std::function<Task<Result<std::string>>(std::shared_ptr<IncomingCall> call)>;

  Channel(Loop& loop, std::unique_ptr<WebSocket> socket, Handler handler, const ChannelLimits& limits = {});
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  // Receives until the connection ends, and gives why: Code::unavailable if the peer has closed or gone,
  // Code::timed_out if it is dead, Code::invalid if it broke the protocol. Once; calls that wait then fail.
  Task<Error> run();

  // The peer's answer; its failure has its code and message. Code::unavailable if the connection ends,
  // Code::timed_out (the peer is told to stop), Code::exhausted if too much waits to be sent. Destroying the
  // task tells the peer to stop, too.
  Task<Result<std::string>> call(OutgoingCall call);

  // Whether the peer answers a ping within `wait`.
  Task<bool> ping(std::chrono::milliseconds wait);

  // Says farewell (RFC 6455 section 7.4; `reason` up to 123 bytes), and ends run().
  void close(std::uint16_t code, std::string reason);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kachery
