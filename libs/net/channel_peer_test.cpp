// A channel whose peer sends what it likes, and reads when it likes.
#include <gtest/gtest.h>

#include <algorithm>

#include "net/channel.h"
#include "net/channel_fixture.h"
#include "net/channel_frame.h"

namespace kachery {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// "big": a message that is as long as a message may be; "progress": ten thousand of them; others wait.
Task<Result<std::string>> answer(std::shared_ptr<IncomingCall> call) {
  if (call->method() == "big") co_return std::string((1 << 20) - 128, 'x');
  if (call->method() == "progress") {
    for (int i = 0; i < 10'000; ++i) call->progress(std::to_string(i));
    call->progress(std::string(100'000, 'p'));
  }
  while (!call->is_cancelled()) co_await call->cancelled().wait(seconds(20));
  co_return "";
}

Task<> run_channel(Loop& loop, std::unique_ptr<WebSocket> socket, std::optional<Error>& why) {
  Channel channel(loop, std::move(socket), answer);
  why = co_await channel.run();
}

Side ending_with(std::optional<Error>& why) {
  return [&why](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return run_channel(loop, std::move(socket), why);
  };
}

Task<> send_all(std::unique_ptr<WebSocket> socket, std::vector<WebSocketMessage> messages,
                std::optional<WebSocketClose>& farewell) {
  for (WebSocketMessage& message : messages) {
    const Result<> sent = co_await socket->send(std::move(message));
    if (!sent) break;
  }
  for (;;) {
    const Result<WebSocketMessage> message = co_await socket->receive();
    if (!message) break;
  }
  farewell = socket->closed_by_peer();
}

Side sending(std::vector<WebSocketMessage> messages, std::optional<WebSocketClose>& farewell) {
  return [messages = std::move(messages), &farewell](Loop&, std::unique_ptr<WebSocket> socket) {
    return send_all(std::move(socket), messages, farewell);
  };
}

struct Lie {
  std::string what;
  std::vector<WebSocketMessage> messages;
};

WebSocketMessage text(std::string bytes) {
  return {.is_text = true, .bytes = std::move(bytes)};
}

TEST(ChannelPeer, IsToldThatItBreaksTheProtocol) {
  const std::vector<Lie> lies{
      {"nothing", {text("")}},
      {"no line", {text("call 1 wait")}},
      {"no kind", {text("shout 1 wait\n")}},
      {"no ID", {text("call wait\n")}},
      {"an ID that is zero", {text("call 0 wait\n")}},
      {"an ID with a zero before it", {text("call 01 wait\n")}},
      {"an ID that is no number", {text("call 1x wait\n")}},
      {"an ID that is negative", {text("call -1 wait\n")}},
      {"an ID that is too large", {text("call 9007199254740992 wait\n")}},
      {"an ID beyond all numbers", {text("call 99999999999999999999999 wait\n")}},
      {"no method", {text("call 1\n")}},
      {"an empty method", {text("call 1 \n")}},
      {"a method with a space", {text("call 1 wait here\n")}},
      {"a method with a digit", {text("call 1 wait1\n")}},
      {"a method that is too long", {text("call 1 " + std::string(65, 'a') + "\n")}},
      {"two spaces", {text("call  1 wait\n")}},
      {"bytes", {{.is_text = false, .bytes = "call 1 wait\n"}}},
      {"an ID twice", {text("call 1 wait\n"), text("call 1 wait\n")}},
      {"an ID that was passed over", {text("call 2 wait\n"), text("call 1 wait\n")}},
      {"an answer to nothing", {text("answer 1\n")}},
      {"progress of nothing", {text("progress 1\n")}},
      {"a failure of nothing", {text("failure 1 invalid\n")}},
      {"an answer with an argument", {text("answer 1 x\n")}},
      {"a call taken back that was never made", {text("cancel 1\n")}},
      {"a call taken back with a message", {text("call 1 wait\n"), text("cancel 1\nplease")}},
  };
  for (const Lie& lie : lies) {
    std::optional<Error> why;
    std::optional<WebSocketClose> farewell;
    ASSERT_TRUE(BothSides().run(ending_with(why), sending(lie.messages, farewell))) << lie.what;
    EXPECT_EQ(why->code, Code::invalid) << lie.what << ": " << why->message;
    ASSERT_TRUE(farewell) << lie.what;
    EXPECT_EQ(farewell->code, 1002) << lie.what;
    EXPECT_TRUE(farewell->reason.starts_with("the peer broke the protocol")) << farewell->reason;
  }
}

TEST(ChannelPeer, EndsTheChannelWithAMessageThatIsTooLong) {
  std::optional<Error> why;
  std::optional<WebSocketClose> farewell;
  const std::string large = "call 1 wait\n" + std::string(1 << 20, 'x');
  ASSERT_TRUE(BothSides().run(ending_with(why), sending({text(large)}, farewell)));
  EXPECT_EQ(why->code, Code::exhausted) << why->message;
}

// --- Peers that answer

Task<> run_beside(Channel& channel, std::optional<Error>& why) {
  why = co_await channel.run();
}

Task<> call_twice(Loop& loop, std::unique_ptr<WebSocket> socket, std::vector<Result<std::string>>& outcomes,
                  std::optional<Error>& why) {
  Channel channel(loop, std::move(socket), answer);
  Beside beside(loop);
  beside.spawn(run_beside(channel, why));
  for (int i = 0; i < 2; ++i) {
    OutgoingCall call{.method = "ask", .message = "what"};
    Result<std::string> outcome = co_await channel.call(std::move(call));
    outcomes.push_back(std::move(outcome));
  }
  channel.close(1000, "");
  co_await beside.join();
}

Side calling_twice(std::vector<Result<std::string>>& outcomes, std::optional<Error>& why) {
  return [&](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return call_twice(loop, std::move(socket), outcomes, why);
  };
}

// Answers each message with the next of `replies`, which may be several, then as before.
Task<> reply(std::unique_ptr<WebSocket> socket, std::vector<std::vector<std::string>> replies) {
  std::size_t heard = 0;
  for (;;) {
    const Result<WebSocketMessage> message = co_await socket->receive();
    if (!message) co_return;
    if (heard == replies.size()) continue;
    for (const std::string& one : replies[heard]) {
      WebSocketMessage sent{.is_text = true, .bytes = one};
      static_cast<void>(co_await socket->send(std::move(sent)));
    }
    ++heard;
  }
}

Side replying(std::vector<std::vector<std::string>> replies) {
  return [replies](Loop&, std::unique_ptr<WebSocket> socket) { return reply(std::move(socket), replies); };
}

TEST(ChannelPeer, MayAnswerTwiceAndOnlyTheFirstCounts) {
  std::vector<Result<std::string>> outcomes;
  std::optional<Error> why;
  const auto replies = replying({{"answer 1\nyes", "answer 1\nno", "failure 1 denied\nno", "progress 1\nno"},
                                 {"answer 1\nlate", "answer 2\ntwo"}});
  ASSERT_TRUE(BothSides().run(replies, calling_twice(outcomes, why)));
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0], "yes");
  EXPECT_EQ(outcomes[1], "two");
  EXPECT_EQ(why->code, Code::cancelled) << why->message;
}

TEST(ChannelPeer, CannotFailWithACodeThatNobodyKnows) {
  std::vector<Result<std::string>> outcomes;
  std::optional<Error> why;
  ASSERT_TRUE(BothSides().run(replying({{"failure 1 odd\nno"}}), calling_twice(outcomes, why)));
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].error().code, Code::unavailable);
  EXPECT_EQ(why->code, Code::invalid) << why->message;
}

TEST(ChannelPeer, CannotAnswerCallsThatComeLater) {
  std::vector<Result<std::string>> outcomes;
  std::optional<Error> why;
  ASSERT_TRUE(BothSides().run(replying({{"answer 2\nearly"}}), calling_twice(outcomes, why)));
  EXPECT_EQ(why->code, Code::invalid) << why->message;
}

// --- Peers that do not read

// Sends, and then reads nothing until the connection breaks.
Task<> call_and_not_read(Loop& loop, std::unique_ptr<WebSocket> socket, int calls) {
  for (int i = 1; i <= calls; ++i) {
    WebSocketMessage message{.is_text = true, .bytes = fmt::format("call {} big\n", i)};
    const Result<> sent = co_await socket->send(std::move(message));
    if (!sent) co_return;
    co_await loop.sleep(milliseconds(1));
  }
}

// It would otherwise make us hold what it asks for, without an end.
TEST(ChannelPeer, IsCutOffWhenItAsksAndDoesNotRead) {
  std::optional<Error> why;
  const Side peer = [](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return call_and_not_read(loop, std::move(socket), 10'000);
  };
  ASSERT_TRUE(BothSides().run(ending_with(why), peer));
  EXPECT_EQ(why->code, Code::exhausted) << why->message;
}

Task<> call_until_full(Loop& loop, std::unique_ptr<WebSocket> socket,
                       std::vector<Result<std::string>>& outcomes) {
  Channel channel(loop, std::move(socket), answer);
  Beside beside(loop);
  std::optional<Error> why;
  beside.spawn(run_beside(channel, why));
  Result<std::string> outcome;
  do {
    OutgoingCall call{.method = "ask", .message = std::string(500'000, 'x'), .wait_max = milliseconds(1)};
    outcome = co_await channel.call(std::move(call));
    outcomes.push_back(outcome);
  } while (outcome.error().code == Code::timed_out && outcomes.size() < 1000);
}

Task<> hold(Loop& loop, std::unique_ptr<WebSocket> socket, std::vector<Result<std::string>>& outcomes) {
  while (outcomes.empty() || outcomes.back().error().code != Code::exhausted)
    co_await loop.sleep(milliseconds(1));
  static_cast<void>(socket);
}

TEST(ChannelPeer, MakesCallsFailWhenItReadsTooSlowly) {
  std::vector<Result<std::string>> outcomes;
  const Side peer = [&](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return hold(loop, std::move(socket), outcomes);
  };
  const Side us = [&](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return call_until_full(loop, std::move(socket), outcomes);
  };
  ASSERT_TRUE(BothSides().run(peer, us));
  EXPECT_EQ(outcomes.back().error().code, Code::exhausted);
  EXPECT_LT(outcomes.size(), 100U);
}

Task<> hear_progress(Loop& loop, std::unique_ptr<WebSocket> socket, std::vector<std::string>& heard) {
  WebSocketMessage message{.is_text = true, .bytes = "call 1 progress\n"};
  static_cast<void>(co_await socket->send(std::move(message)));
  co_await loop.sleep(milliseconds(50));
  while (heard.empty() || heard.back().size() < 100'000) {
    const Result<WebSocketMessage> next = co_await socket->receive();
    EXPECT_TRUE(next);
    if (!next) co_return;
    heard.push_back(next->bytes);
  }
}

// What is out of date when it could be sent is not sent.
TEST(ChannelPeer, HearsTheLastOfTheProgressThatWaited) {
  std::optional<Error> why;
  std::vector<std::string> heard;
  const Side peer = [&](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return hear_progress(loop, std::move(socket), heard);
  };
  ASSERT_TRUE(BothSides().run(ending_with(why), peer));
  EXPECT_LT(heard.size(), 10U);
  EXPECT_TRUE(heard.back() == "progress 1\n" + std::string(100'000, 'p'));
}

Task<> ping_twice(Loop& loop, std::unique_ptr<WebSocket> socket, std::vector<bool>& answers) {
  Channel channel(loop, std::move(socket), answer);
  Beside beside(loop);
  std::optional<Error> why;
  beside.spawn(run_beside(channel, why));
  for (const milliseconds wait : {milliseconds(50), milliseconds(10'000)}) {
    const bool answered = co_await channel.ping(wait);
    answers.push_back(answered);
  }
  channel.close(1000, "");
  co_await beside.join();
}

TEST(ChannelPeer, IsAliveIfItAnswersAPing) {
  std::vector<bool> answers;
  const Side us = [&](Loop& loop, std::unique_ptr<WebSocket> socket) {
    return ping_twice(loop, std::move(socket), answers);
  };
  // To the call, to its being taken back, to the second call.
  ASSERT_TRUE(BothSides().run(replying({{}, {"answer 1\nlate"}, {"answer 2\n"}}), us));
  EXPECT_EQ(answers, (std::vector{false, true}));
}

}  // namespace
}  // namespace kachery
