// Both ends of a channel in one process; and, in channel_peer_test.cpp, ends that lie.
#include "net/channel.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/channel_fixture.h"

namespace kachery {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Task<Result<std::string>> refuse(std::shared_ptr<IncomingCall> call) {
  co_return fail(Code::invalid, "nobody knows " + call->method());
}

// Gives the message back, or says what it heard of its end.
Task<Result<std::string>> answer(Loop& loop, std::shared_ptr<IncomingCall> call) {
  if (call->method() == "echo") co_return call->message();
  if (call->method() == "progress") {
    for (int i = 0; i < 10; ++i) {
      call->progress(std::to_string(i));
      co_await loop.sleep(milliseconds(20));
    }
    co_return "done";
  }
  if (call->method() == "wait") {
    while (!call->is_cancelled()) co_await call->cancelled().wait(seconds(20));
    co_return "too late";
  }
  const Result<std::string> refusal = co_await refuse(call);
  co_return refusal;
}

// What of a peer's calls it took back.
struct Notes {
  int waiting = 0;
  int cancelled = 0;
};

Task<Result<std::string>> note(std::shared_ptr<Notes> notes, std::shared_ptr<IncomingCall> call) {
  ++notes->waiting;
  while (!call->is_cancelled()) co_await call->cancelled().wait(seconds(20));
  ++notes->cancelled;
  co_return "";
}

// A side that answers until the connection ends.
Task<> answer_all(Loop& loop, std::unique_ptr<WebSocket> socket, Channel::Handler handler,
                  ChannelLimits limits, std::optional<Error>* why) {
  Channel channel(loop, std::move(socket), std::move(handler), limits);
  const Error error = co_await channel.run();
  if (why != nullptr) *why = error;
}

Side answering(std::optional<Error>* why = nullptr, ChannelLimits limits = {}) {
  return [why, limits](Loop& loop, std::unique_ptr<WebSocket> socket) {
    Channel::Handler handler = [&loop](std::shared_ptr<IncomingCall> call) {
      return answer(loop, std::move(call));
    };
    return answer_all(loop, std::move(socket), std::move(handler), limits, why);
  };
}

Side noting(std::shared_ptr<Notes> notes, ChannelLimits limits = {}) {
  return [notes, limits](Loop& loop, std::unique_ptr<WebSocket> socket) {
    Channel::Handler handler = [notes](std::shared_ptr<IncomingCall> call) {
      return note(notes, std::move(call));
    };
    return answer_all(loop, std::move(socket), std::move(handler), limits, nullptr);
  };
}

Task<> run_channel(Channel& channel, std::optional<Error>& why) {
  why = co_await channel.run();
}

// A side that calls: `work` has the channel while it runs; then it is closed.
using Work = std::function<Task<>(Loop& loop, Channel& channel)>;

Task<> call_all(Loop& loop, std::unique_ptr<WebSocket> socket, Work work, std::optional<Error>* why) {
  Channel::Handler handler = [&loop](std::shared_ptr<IncomingCall> call) {
    return answer(loop, std::move(call));
  };
  Channel channel(loop, std::move(socket), std::move(handler));
  Beside beside(loop);
  std::optional<Error> end;
  beside.spawn(run_channel(channel, end));
  co_await work(loop, channel);
  channel.close(1000, "done");
  co_await beside.join();
  if (why != nullptr) *why = end;
}

Side calling(Work work, std::optional<Error>* why = nullptr) {
  return [work, why](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return call_all(loop, std::move(socket), work, why);
  };
}

Task<> call_once(Channel& channel, OutgoingCall call, Result<std::string>& outcome) {
  outcome = co_await channel.call(std::move(call));
}

Task<> call_many(Loop& loop, Channel& channel, int& right) {
  constexpr int kCalls = 60;
  Beside beside(loop);
  std::vector<Result<std::string>> outcomes(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    OutgoingCall call{.method = "echo", .message = fmt::format("{}\n{}", i, std::string(1000, 'x'))};
    beside.spawn(call_once(channel, std::move(call), outcomes[static_cast<std::size_t>(i)]));
  }
  co_await beside.join();
  for (int i = 0; i < kCalls; ++i)
    if (outcomes[static_cast<std::size_t>(i)].value_or("") ==
        fmt::format("{}\n{}", i, std::string(1000, 'x')))
      ++right;
}

TEST(Channel, CarriesManyCallsBothWaysAtATime) {
  int right = 0;
  const Work work = [&right](Loop& loop, Channel& channel) { return call_many(loop, channel, right); };
  std::optional<Error> server_end;
  std::optional<Error> client_end;
  ASSERT_TRUE(BothSides().run(calling(work, &server_end), calling(work, &client_end)));
  EXPECT_EQ(right, 120);
  ASSERT_TRUE(server_end && client_end);
}

Task<> call_into(Channel& channel, OutgoingCall call, std::vector<Result<std::string>>& outcomes) {
  Result<std::string> outcome = co_await channel.call(std::move(call));
  outcomes.push_back(std::move(outcome));
}

TEST(Channel, BringsAFailureWithItsCodeAndItsSentence) {
  std::vector<Result<std::string>> outcomes;
  const Work work = [&](Loop&, Channel& channel) {
    return call_into(channel, {.method = "odd", .message = {}}, outcomes);
  };
  ASSERT_TRUE(BothSides().run(answering(), calling(work)));
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].error().code, Code::invalid);
  EXPECT_EQ(outcomes[0].error().message, "nobody knows odd");
}

// Each progress also begins the wait anew: a long upload is not given up while it goes on.
TEST(Channel, BringsProgressAndWaitsOnForIt) {
  std::vector<std::string> heard;
  std::vector<Result<std::string>> outcomes;
  const Work work = [&](Loop&, Channel& channel) {
    OutgoingCall call{.method = "progress", .message = {}, .wait_max = milliseconds(150)};
    call.progress = [&heard](const std::string& message) { heard.push_back(message); };
    return call_into(channel, std::move(call), outcomes);
  };
  ASSERT_TRUE(BothSides().run(answering(), calling(work)));
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0], "done");
  ASSERT_FALSE(heard.empty());
  EXPECT_TRUE(std::ranges::is_sorted(heard));
  EXPECT_EQ(heard.back(), "9");
}

Task<> take_back(Loop& loop, Channel& channel, Notes& notes, std::vector<Result<std::string>>& outcomes) {
  Beside beside(loop);
  CallStop stop;
  OutgoingCall call{.method = "wait", .message = {}};
  call.stop = &stop;
  beside.spawn(call_into(channel, std::move(call), outcomes));
  while (notes.waiting < 1) co_await loop.sleep(milliseconds(1));
  stop.request();
  co_await beside.join();
  OutgoingCall again{.method = "wait", .message = {}};
  again.stop = &stop;
  co_await call_into(channel, std::move(again), outcomes);
  while (notes.cancelled < 1) co_await loop.sleep(milliseconds(1));
  const bool is_alive = co_await channel.ping(seconds(10));
  EXPECT_TRUE(is_alive);
}

TEST(Channel, TellsThePeerThatACallIsTakenBack) {
  const auto notes = std::make_shared<Notes>();
  std::vector<Result<std::string>> outcomes;
  const Work work = [&](Loop& loop, Channel& channel) { return take_back(loop, channel, *notes, outcomes); };
  ASSERT_TRUE(BothSides().run(noting(notes), calling(work)));
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].error().code, Code::cancelled);
  EXPECT_EQ(outcomes[1].error().code, Code::cancelled);
  EXPECT_EQ(notes->waiting, 1) << "a call that was taken back before was made";
}

Task<> be_late(Loop& loop, Channel& channel, Notes& notes, std::vector<Result<std::string>>& outcomes) {
  co_await call_into(channel, {.method = "wait", .message = {}, .wait_max = milliseconds(50)}, outcomes);
  while (notes.cancelled < 1) co_await loop.sleep(milliseconds(1));
}

TEST(Channel, GivesUpACallThatIsNotAnsweredInTime) {
  const auto notes = std::make_shared<Notes>();
  std::vector<Result<std::string>> outcomes;
  const Work work = [&](Loop& loop, Channel& channel) { return be_late(loop, channel, *notes, outcomes); };
  ASSERT_TRUE(BothSides().run(noting(notes), calling(work)));
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].error().code, Code::timed_out);
  EXPECT_EQ(notes->cancelled, 1);
}

Task<> call_too_often(Loop& loop, Channel& channel, std::vector<Result<std::string>>& outcomes) {
  Beside beside(loop);
  std::vector<std::unique_ptr<CallStop>> stops;
  for (int i = 0; i < 5; ++i) {
    OutgoingCall call{.method = "wait", .message = {}};
    call.stop = stops.emplace_back(std::make_unique<CallStop>()).get();
    beside.spawn(call_into(channel, std::move(call), outcomes));
  }
  while (outcomes.size() < 2) co_await loop.sleep(milliseconds(1));
  const bool is_alive = co_await channel.ping(seconds(10));
  EXPECT_TRUE(is_alive) << "a peer that is busy is not dead";
  for (const auto& stop : stops) stop->request();
  co_await beside.join();
}

TEST(Channel, RefusesMoreCallsThanItHandlesAtATime) {
  std::vector<Result<std::string>> outcomes;
  const Work work = [&](Loop& loop, Channel& channel) { return call_too_often(loop, channel, outcomes); };
  ChannelLimits limits;
  limits.calls_max = 3;
  ASSERT_TRUE(BothSides().run(noting(std::make_shared<Notes>(), limits), calling(work)));
  ASSERT_EQ(outcomes.size(), 5U);
  const auto refused = [](const Result<std::string>& outcome) {
    return outcome.error().code == Code::exhausted;
  };
  EXPECT_EQ(std::ranges::count_if(outcomes, refused), 2);
}

Task<> call_at_length(Channel& channel, std::vector<Result<std::string>>& outcomes) {
  co_await call_into(channel, {.method = "echo", .message = std::string(1 << 20, 'x')}, outcomes);
  co_await call_into(channel, {.method = "echo", .message = std::string((1 << 20) - 128, 'x')}, outcomes);
  co_await call_into(channel, {.method = "echo", .message = "x"}, outcomes);
}

// What the peer would not take must not end what goes on beside it.
TEST(Channel, SendsNothingThatIsTooLong) {
  std::vector<Result<std::string>> outcomes;
  const Work work = [&](Loop&, Channel& channel) { return call_at_length(channel, outcomes); };
  ChannelLimits limits;
  limits.message_bytes_max = 1000;
  ASSERT_TRUE(BothSides().run(answering(nullptr, limits), calling(work)));
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[0].error().code, Code::exhausted) << "the call";
  EXPECT_EQ(outcomes[1].error().code, Code::exhausted) << "its answer";
  EXPECT_EQ(outcomes[2], "x");
}

Task<> close_while_called(Loop& loop, Channel& channel, std::shared_ptr<Notes> notes) {
  while (notes->waiting < 1) co_await loop.sleep(milliseconds(1));
  channel.close(4000, "the house is closed");
}

Task<> wait_for_nothing(Channel& channel, std::vector<Result<std::string>>& outcomes) {
  co_await call_into(channel, {.method = "wait", .message = {}}, outcomes);
  co_await call_into(channel, {.method = "echo", .message = {}}, outcomes);
}

Task<> note_and_close(Loop& loop, std::unique_ptr<WebSocket> socket, std::shared_ptr<Notes> notes,
                      std::optional<Error>& why) {
  Channel::Handler handler = [notes](std::shared_ptr<IncomingCall> call) {
    return note(notes, std::move(call));
  };
  Channel channel(loop, std::move(socket), std::move(handler));
  Beside beside(loop);
  beside.spawn(close_while_called(loop, channel, notes));
  why = co_await channel.run();
  co_await beside.join();
  while (notes->cancelled < 1) co_await loop.sleep(milliseconds(1));
}

TEST(Channel, EndsForBothWhenOneSaysFarewell) {
  const auto notes = std::make_shared<Notes>();
  std::vector<Result<std::string>> outcomes;
  std::optional<Error> server_end;
  std::optional<Error> client_end;
  const Side server = [&](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return note_and_close(loop, std::move(socket), notes, server_end);
  };
  const Work work = [&](Loop&, Channel& channel) { return wait_for_nothing(channel, outcomes); };
  ASSERT_TRUE(BothSides().run(server, calling(work, &client_end)));
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].error().code, Code::unavailable);
  EXPECT_EQ(outcomes[1].error().code, Code::unavailable) << "a call after the end";
  EXPECT_EQ(server_end->code, Code::cancelled) << server_end->message;
  EXPECT_EQ(client_end->code, Code::unavailable) << client_end->message;
  EXPECT_TRUE(client_end->message.contains("4000: the house is closed")) << client_end->message;
  EXPECT_EQ(notes->cancelled, 1) << "who works for nobody does not learn it";
}

Task<> cut_while_called(Loop& loop, std::unique_ptr<WebSocket> socket, std::shared_ptr<Notes> notes) {
  Channel::Handler handler = [notes](std::shared_ptr<IncomingCall> call) {
    return note(notes, std::move(call));
  };
  auto channel = std::make_unique<Channel>(loop, std::move(socket), std::move(handler));
  Beside beside(loop);
  std::optional<Error> why;
  beside.spawn(run_channel(*channel, why));
  while (notes->waiting < 1) co_await loop.sleep(milliseconds(1));
  channel.reset();
  co_await beside.join();
  EXPECT_EQ(why->code, Code::cancelled);
  while (notes->cancelled < 1) co_await loop.sleep(milliseconds(1));
}

TEST(Channel, IsCutWhereItIsDestroyed) {
  const auto notes = std::make_shared<Notes>();
  std::vector<Result<std::string>> outcomes;
  std::optional<Error> client_end;
  const Side server = [&](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return cut_while_called(loop, std::move(socket), notes);
  };
  const Work work = [&](Loop&, Channel& channel) { return wait_for_nothing(channel, outcomes); };
  ASSERT_TRUE(BothSides().run(server, calling(work, &client_end)));
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].error().code, Code::unavailable);
  EXPECT_EQ(client_end->code, Code::unavailable) << client_end->message;
}

Task<> leave_calls(Loop& loop, Channel& channel, Notes& notes, std::vector<Result<std::string>>& outcomes) {
  for (int i = 0; i < 5; ++i) loop.spawn(call_into(channel, {.method = "wait", .message = {}}, outcomes));
  while (notes.waiting < 5) co_await loop.sleep(milliseconds(1));
  loop.stop();
  co_await loop.sleep(seconds(20));
}

// Under ASan: whatever is destroyed first.
TEST(Channel, MayEndWithTheLoop) {
  const auto notes = std::make_shared<Notes>();
  std::vector<Result<std::string>> outcomes;
  const Work work = [&](Loop& loop, Channel& channel) {
    return leave_calls(loop, channel, *notes, outcomes);
  };
  EXPECT_FALSE(BothSides().run(noting(notes), calling(work)));
  EXPECT_EQ(notes->waiting, 5);
  EXPECT_TRUE(outcomes.empty());
}

}  // namespace
}  // namespace kachery
