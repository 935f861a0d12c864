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
  ByteCount message_bytes_max = (1 << 20) - 128;  // Of ours; with its line it must fit what the peer takes.
  // What waits to be sent. Then our calls fail, and a peer that goes on asking without reading is cut off.
  ByteCount waiting_bytes_max = 4 << 20;
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

// By which whoever makes calls takes them back. They end with Code::cancelled, and the peer is told to stop.
// Outlives its calls. Network thread only.
class CallStop {
 public:
  CallStop() = default;
  CallStop(const CallStop&) = delete;
  CallStop& operator=(const CallStop&) = delete;

  void request();
  bool is_requested() const { return is_requested_; }

 private:
  friend class Channel;  // Its calls.

  bool is_requested_ = false;
  std::function<void()> wake_;  // The call that waits; empty while none does.
};

// A call to the peer.
struct OutgoingCall {
  std::string method;  // Letters and '_'.
  std::string message;
  std::chrono::milliseconds wait_max{30'000};                     // For the answer, or the next progress.
  std::function<void(const std::string& message)> progress = {};  // May be empty; leaves the channel alone.
  CallStop* stop = nullptr;                                       // Of this call only.
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

  // Receives until the connection ends, and gives why: Code::unavailable if the peer has closed (with its
  // reason) or gone, Code::timed_out if it is dead, Code::invalid if it broke the protocol, Code::exhausted
  // if it sends too much or reads too little, Code::cancelled if we closed. Once; calls that wait then fail.
  Task<Error> run();

  // The peer's answer; its failure has its code and message. Code::unavailable if the connection ends,
  // Code::timed_out or Code::cancelled (the peer is told to stop), Code::exhausted if too much waits to be
  // sent. A task that waits here is not to be destroyed: take the call back with its CallStop.
  Task<Result<std::string>> call(OutgoingCall call);

  // Whether the peer answers within `wait`.
  Task<bool> ping(std::chrono::milliseconds wait);

  // Sends what waits, says farewell (RFC 6455 section 7.4; of `reason` up to 123 bytes), and ends run().
  void close(std::uint16_t code, const std::string& reason);

  struct State;  // Inside channel.cpp.

 private:
  std::shared_ptr<State> state_;  // Owned by this, by run(), and by the calls under way.
};

}  // namespace kachery
