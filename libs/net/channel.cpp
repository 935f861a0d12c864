#include "net/channel.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "core/text.h"
#include "net/channel_frame.h"

namespace kachery {
namespace {

// What every channel answers by itself.
constexpr std::string_view kPing = "ping";

constexpr std::uint16_t kProtocolError = 1002;  // RFC 6455 section 7.4.1.
constexpr std::size_t kReasonBytesMax = 123;

// How long the last frames may take once the connection has ended for us.
constexpr std::chrono::milliseconds kFarewellWait{10'000};

// Our failures travel as text.
std::string sendable(const std::string& message) {
  return is_utf8(message) ? message : printable(message);
}

std::string cut_to(std::string text, std::size_t size_max) {
  text = sendable(text);
  std::size_t size = std::min(size_max, text.size());
  while (!is_utf8(std::string_view(text).substr(0, size))) --size;
  text.resize(size);
  return text;
}

bool is_method(std::string_view text, std::size_t size_max) {
  const auto is_allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && text.size() <= size_max && std::ranges::all_of(text, is_allowed);
}

}  // namespace

void CallStop::request() {
  is_requested_ = true;
  if (wake_) wake_();
}

struct Channel::State {
  struct Waiting;
  struct Served;

  State(Loop& used, std::unique_ptr<WebSocket> given, Handler handles, const ChannelLimits& limited)
      : loop(used), socket(std::move(given)), handler(std::move(handles)), limits(limited), written(used) {}

  Loop& loop;
  std::unique_ptr<WebSocket> socket;
  Handler handler;
  const ChannelLimits limits;

  std::map<std::uint64_t, Waiting*> waiting;  // Calls of ours.
  std::uint64_t last_call = 0;
  std::map<std::uint64_t, std::shared_ptr<Served>> served;  // Calls of the peer.
  std::uint64_t last_served = 0;

  std::deque<std::string> queue;
  std::deque<std::shared_ptr<Served>> progressing;  // Whose progress is to be sent, when the queue is.
  ByteCount queued_bytes = 0;
  bool is_writing = false;
  Signal written;  // Nothing is being sent any more.
  std::optional<WebSocketClose> farewell;
  std::optional<Error> end;  // Why it has ended.
};

// A call of ours, for as long as it waits.
struct Channel::State::Waiting {
  Waiting(const std::shared_ptr<State>& of, OutgoingCall& call)
      : state(of),
        id(++of->last_call),
        progress(std::move(call.progress)),
        stop(call.stop),
        signal(of->loop) {
    state->waiting.emplace(id, this);
    if (stop != nullptr) stop->wake_ = [this] { signal.notify(); };
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    state->waiting.erase(id);
    if (stop != nullptr) stop->wake_ = nullptr;
  }

  bool is_stopped() const { return stop != nullptr && stop->is_requested(); }

  const std::shared_ptr<State> state;
  const std::uint64_t id;
  const std::function<void(const std::string&)> progress;
  CallStop* const stop;
  Signal signal;  // Something has come.
  std::optional<Result<std::string>> outcome;
};

// A call of the peer.
struct Channel::State::Served : IncomingCall, std::enable_shared_from_this<Served> {
  Served(const std::shared_ptr<State>& of, std::uint64_t number, std::string called, std::string said)
      : state(of), id(number), method_(std::move(called)), message_(std::move(said)), cancelled_(of->loop) {}

  const std::string& method() const override { return method_; }
  const std::string& message() const override { return message_; }
  void progress(std::string message) override;
  bool is_cancelled() const override { return is_cancelled_; }
  Signal& cancelled() override { return cancelled_; }

  void cancel() {
    is_cancelled_ = true;
    cancelled_.notify();
  }

  std::weak_ptr<State> state;
  std::uint64_t id;
  std::optional<std::string> progress_waiting;

 private:
  std::string method_;
  std::string message_;
  bool is_cancelled_ = false;
  Signal cancelled_;
};

namespace {

using State = Channel::State;
using Waiting = Channel::State::Waiting;
using Served = Channel::State::Served;

// The next frame that is to be sent; progress only when nothing else is.
std::optional<std::string> take_next(State& state) {
  if (!state.queue.empty()) {
    std::string next = std::move(state.queue.front());
    state.queue.pop_front();
    return next;
  }
  while (!state.progressing.empty()) {
    const std::shared_ptr<Served> call = std::move(state.progressing.front());
    state.progressing.pop_front();
    if (!call->progress_waiting || call->is_cancelled()) continue;
    const std::string message = *std::exchange(call->progress_waiting, std::nullopt);
    return ChannelFrame{.kind = FrameKind::progress, .id = call->id, .message = message}.str();
  }
  return std::nullopt;
}

// Sends what waits, until nothing does; one of a channel at a time.
Task<> write_all(std::shared_ptr<State> state) {
  while (state->socket != nullptr) {
    std::optional<std::string> next = take_next(*state);
    if (!next) break;
    const std::size_t size = next->size();
    WebSocketMessage message{.is_text = true, .bytes = *std::move(next)};
    const Result<> sent = co_await state->socket->send(std::move(message));
    state->queued_bytes -= std::min<ByteCount>(state->queued_bytes, size);
    if (!sent) {
      state->queue.clear();
      state->progressing.clear();
      break;
    }
  }
  if (state->socket != nullptr && state->farewell) {
    const WebSocketClose farewell = *state->farewell;
    co_await state->socket->close(farewell.code, farewell.reason);
  }
  state->is_writing = false;
  state->written.notify();
}

void begin_writing(const std::shared_ptr<State>& state) {
  if (std::exchange(state->is_writing, true)) return;
  state->loop.spawn(write_all(state));
}

void enqueue(const std::shared_ptr<State>& state, const ChannelFrame& frame) {
  if (state->end || state->farewell) return;
  state->queue.push_back(frame.str());
  state->queued_bytes += state->queue.back().size();
  begin_writing(state);
}

void say_farewell(const std::shared_ptr<State>& state, std::uint16_t code, const std::string& reason) {
  if (state->end || state->farewell) return;
  state->farewell = WebSocketClose{code, cut_to(reason, kReasonBytesMax)};
  begin_writing(state);
}

void answer(const std::shared_ptr<State>& state, const Served& call, Result<std::string> outcome) {
  if (outcome && outcome->size() > state->limits.message_bytes_max)
    outcome = fail(Code::exhausted, "the answer is longer than the " +
                                        std::to_string(state->limits.message_bytes_max) +
                                        " bytes that may be sent");
  if (outcome) return enqueue(state, {.kind = FrameKind::answer, .id = call.id, .message = *outcome});
  const std::string message = cut_to(outcome.error().message, state->limits.message_bytes_max);
  enqueue(state, {FrameKind::failure, call.id, code_name(outcome.error().code), message});
}

Task<> serve(std::shared_ptr<State> state, std::shared_ptr<Served> call) {
  Result<std::string> outcome = co_await state->handler(call);
  state->served.erase(call->id);
  call->progress_waiting.reset();
  if (!call->is_cancelled()) answer(state, *call, std::move(outcome));
}

std::unexpected<Error> fail_protocol(const std::string& what) {
  return fail(Code::invalid, "the peer broke the protocol of calls: " + what);
}

// --- What comes

Result<> take_call(const std::shared_ptr<State>& state, const ChannelFrame& frame) {
  if (frame.id <= state->last_served) return fail_protocol("a call has the ID of an earlier one");
  if (!is_method(frame.argument, state->limits.method_bytes_max))
    return fail_protocol("a method has no name of letters");
  state->last_served = frame.id;
  if (state->queued_bytes > state->limits.waiting_bytes_max)
    return fail(Code::exhausted, "the peer calls, and does not read what it is answered");
  auto call =
      std::make_shared<Served>(state, frame.id, std::string(frame.argument), std::string(frame.message));
  if (frame.argument == kPing) {
    answer(state, *call, std::string());
  } else if (state->served.size() >= state->limits.calls_max) {
    answer(
        state, *call,
        fail(Code::exhausted, "more than " + std::to_string(state->limits.calls_max) + " calls at a time"));
  } else {
    state->served.emplace(frame.id, call);
    state->loop.spawn(serve(state, std::move(call)));
  }
  return {};
}

Result<> take_cancel(State& state, const ChannelFrame& frame) {
  if (frame.id > state.last_served) return fail_protocol("a call is taken back that was never made");
  const auto call = state.served.find(frame.id);
  if (call != state.served.end()) call->second->cancel();
  return {};
}

// Of a call of ours: its progress, or how it ended.
Result<> take_reply(State& state, const ChannelFrame& frame) {
  if (frame.id > state.last_call) return fail_protocol("an answer to a call that was never made");
  const auto code = code_named(frame.argument);
  if (frame.kind == FrameKind::failure && !code) return fail_protocol("a failure has no code that we know");
  const auto found = state.waiting.find(frame.id);
  if (found == state.waiting.end() || found->second->outcome) return {};  // Nobody waits for it any more.
  Waiting& call = *found->second;
  std::string message(frame.message);
  if (frame.kind == FrameKind::progress) {
    if (call.progress) call.progress(message);
  } else {
    call.outcome = code ? Result<std::string>(fail(*code, std::move(message))) : std::move(message);
  }
  call.signal.notify();
  return {};
}

Result<> take(const std::shared_ptr<State>& state, const WebSocketMessage& message) {
  if (!message.is_text) return fail_protocol("a message is not text");
  const Result<ChannelFrame> frame = ChannelFrame::parse(message.bytes);
  if (!frame) return fail_protocol(frame.error().message);
  switch (frame->kind) {
    case FrameKind::call:
      return take_call(state, *frame);
    case FrameKind::cancel:
      return take_cancel(*state, *frame);
    case FrameKind::progress:
    case FrameKind::answer:
    case FrameKind::failure:
      return take_reply(*state, *frame);
  }
  KACHERY_ASSERT(false);
}

// Why nothing more comes.
Error reason_of(const State& state, Error error) {
  if (state.farewell) return {Code::cancelled, "the connection was closed here: " + state.farewell->reason};
  const auto close = state.socket->closed_by_peer();
  if (!close) return error;
  error.message += " (" + std::to_string(close->code) +
                   (close->reason.empty() ? "" : ": " + printable(close->reason)) + ')';
  return error;
}

Task<Error> receive_all(std::shared_ptr<State> state) {
  while (state->socket != nullptr) {
    const Result<WebSocketMessage> message = co_await state->socket->receive();
    if (state->socket == nullptr) break;
    if (!message) co_return reason_of(*state, message.error());
    const Result<> taken = take(state, *message);
    if (taken || state->farewell) continue;
    if (taken.error().code == Code::invalid) say_farewell(state, kProtocolError, taken.error().message);
    co_return taken.error();
  }
  co_return Error{Code::cancelled, "the connection was cut here"};
}

void end_all(State& state, const Error& why) {
  if (state.end) return;
  state.end = why;
  for (const auto& [id, call] : state.waiting) {
    if (!call->outcome)
      call->outcome = fail(Code::unavailable, "the connection ended before the answer came: " + why.message);
    call->signal.notify();
  }
  for (const auto& [id, call] : std::exchange(state.served, {})) call->cancel();
}

}  // namespace

void Channel::State::Served::progress(std::string message) {
  const std::shared_ptr<State> live = state.lock();
  if (!live || live->end || live->farewell || is_cancelled_) return;
  if (message.size() > live->limits.message_bytes_max) return;
  if (!std::exchange(progress_waiting, std::move(message))) live->progressing.push_back(shared_from_this());
  begin_writing(live);
}

Channel::Channel(Loop& loop, std::unique_ptr<WebSocket> socket, Handler handler, const ChannelLimits& limits)
    : state_(std::make_shared<State>(loop, std::move(socket), std::move(handler), limits)) {}

Channel::~Channel() {
  end_all(*state_, {Code::cancelled, "the connection was cut here"});
  state_->socket.reset();
}

Task<Error> Channel::run() {
  const std::shared_ptr<State> state = state_;
  const Error why = co_await receive_all(state);
  end_all(*state, why);
  if (why.code == Code::exhausted) state->socket.reset();  // It would not read a farewell either.
  if (state->is_writing) co_await state->written.wait(kFarewellWait);
  co_return why;
}

Task<Result<std::string>> Channel::call(OutgoingCall call) {
  const std::shared_ptr<State> state = state_;
  KACHERY_ASSERT(is_method(call.method, state->limits.method_bytes_max));
  if (call.stop != nullptr && call.stop->is_requested())
    co_return fail(Code::cancelled, "the call was taken back");
  if (state->end || state->farewell) co_return fail(Code::unavailable, "the connection has ended");
  if (call.message.size() > state->limits.message_bytes_max)
    co_return fail(Code::exhausted, "the message of the call is longer than the " +
                                        std::to_string(state->limits.message_bytes_max) +
                                        " bytes that may be sent");
  if (state->queued_bytes > state->limits.waiting_bytes_max)
    co_return fail(Code::exhausted, "too much waits to be sent already; the peer reads slowly");
  Waiting waiting(state, call);
  enqueue(state, {FrameKind::call, waiting.id, call.method, call.message});
  bool is_late = false;
  while (!waiting.outcome && !waiting.is_stopped() && !is_late) {
    const bool was_notified = co_await waiting.signal.wait(call.wait_max);
    is_late = !was_notified;
  }
  if (waiting.outcome) co_return *std::move(waiting.outcome);
  enqueue(state, {.kind = FrameKind::cancel, .id = waiting.id});
  if (waiting.is_stopped()) co_return fail(Code::cancelled, "the call was taken back");
  co_return fail(Code::timed_out,
                 "nothing was answered within " + std::to_string(call.wait_max.count()) + " ms");
}

Task<bool> Channel::ping(std::chrono::milliseconds wait) {
  OutgoingCall call{.method = std::string(kPing), .message = {}, .wait_max = wait};
  const Result<std::string> answered = co_await this->call(std::move(call));
  co_return answered.has_value();
}

void Channel::close(std::uint16_t code, const std::string& reason) {
  say_farewell(state_, code, reason);
}

}  // namespace kachery
