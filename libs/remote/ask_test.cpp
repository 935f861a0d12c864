// What somebody who asks for a file may rely on, whatever becomes of the hub meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "remote/fake_hub.h"
#include "remote/hub.h"

namespace kachery::remote {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr RetryPolicy kQuick{
    .tries_max = 2, .first = milliseconds(1), .longest = milliseconds(5), .patience = milliseconds(0)};

wire::AskState state(const std::string& name, std::optional<std::uint64_t> bytes = std::nullopt) {
  return {name, 100, bytes, std::nullopt, std::nullopt};
}

std::string line(const wire::AskState& state) {
  return wire::print(state) + "\n";
}

Response lines(std::string text) {
  return {200, {{"Content-Type", "application/x-ndjson"}}, std::move(text)};
}

// An answer that breaks after `sent` bytes.
Response cut_lines(std::string text, std::size_t sent) {
  Response response = lines("");
  response.body = std::make_unique<CutBody>(std::move(text), sent);
  return response;
}

class AskTest : public testing::Test {
 protected:
  Result<wire::AskState> ask(milliseconds time) {
    Hub client({.url = hub_.url(), .retry = kQuick});
    const wire::AskFile message{.zone = ZoneName::parse("default").value(),
                                .digest = Hasher::of(Algorithm::sha1, as_bytes("x")),
                                .resource = ResourceName::parse("lab").value(),
                                .channel = {},
                                .timeout_ms = static_cast<std::uint64_t>(time.count()),
                                .ignore_bucket = false};
    return client.ask(message, [&](const wire::AskState& now) { told_.push_back(now.state); }, cancel_);
  }

  FakeHub hub_;
  std::vector<std::string> told_;
  std::atomic<bool> cancel_ = false;
};

TEST_F(AskTest, TellsOfEachStateAndGivesTheLast) {
  hub_.set_script([](const RequestHead&, const std::string&) {
    return lines(line(state("asking")) + line(state("running", 7)) + line(state("completed", 100)));
  });
  const auto ended = ask(milliseconds(5'000));
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(ended->state, "completed");
  EXPECT_EQ(ended->bytes_uploaded, 100U);
  EXPECT_EQ(told_, (std::vector<std::string>{"asking", "running", "completed"}));
}

// Cut in the middle of a line, then a hub that is not up yet, then one that was stopped in order.
TEST_F(AskTest, GoesOnAskingWhenTheHubIsStartedAnew) {
  std::vector<std::uint64_t> times;
  hub_.set_script([&](const RequestHead&, const std::string& body) {
    times.push_back(wire::parse<wire::AskFile>(body)->timeout_ms);
    const std::string text = line(state("running", 7)) + line(state("running", 8));
    switch (times.size()) {
      case 1:
        return cut_lines(text, text.size() - 10);
      case 2:
      case 3:
      case 4:
        return FakeHub::failure(503, Code::unavailable, "not up yet");
      case 5:
        return lines(line(state("running", 9)));
      default:
        return lines(line(state("completed", 100)));
    }
  });
  const auto ended = ask(milliseconds(30'000));
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(ended->state, "completed");
  EXPECT_EQ(told_, (std::vector<std::string>{"running", "running", "completed"}));
  EXPECT_TRUE(std::ranges::is_sorted(times, std::greater())) << "only for the time that is left";
}

TEST_F(AskTest, AHubThatStaysAwayIsAFailureWhenTheTimeIsOver) {
  bool first = true;
  hub_.set_script([&](const RequestHead&, const std::string&) {
    if (std::exchange(first, false))
      return cut_lines(line(state("running", 7)) + " ", line(state("running", 7)).size());
    return FakeHub::failure(503, Code::unavailable, "not up yet");
  });
  const auto ended = ask(milliseconds(200));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::unavailable);
  EXPECT_TRUE(ended.error().message.contains("not up yet")) << ended.error().message;
}

TEST_F(AskTest, WithoutTimeItLooksOnce) {
  hub_.set_script([](const RequestHead&, const std::string&) { return lines(line(state("running", 7))); });
  const auto begun = steady_clock::now();
  const auto now = ask(milliseconds(0));
  ASSERT_TRUE(now) << now.error().message;
  EXPECT_EQ(now->state, "running");
  EXPECT_EQ(hub_.count("/v1/files/ask"), 1U);
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(AskTest, WhatTheHubRefusesIsNotAskedAgain) {
  for (const Code code : {Code::denied, Code::not_found, Code::invalid, Code::unavailable}) {
    hub_.set_script([&](const RequestHead&, const std::string&) {
      return FakeHub::failure(http_status(code), code, "the resource lab is not there");
    });
    const std::size_t before = hub_.count("/v1/files/ask");
    const auto refused = ask(milliseconds(5'000));
    EXPECT_EQ(refused.error().code, code);
    EXPECT_TRUE(refused.error().message.contains("lab is not there")) << refused.error().message;
    EXPECT_EQ(hub_.count("/v1/files/ask"), before + 1);
  }
}

TEST_F(AskTest, WhatIsNoHubIsNamed) {
  for (const std::string text : {"", "<html>\n", "{\"state\":\"running\"}\n"}) {
    hub_.set_script([&](const RequestHead&, const std::string&) { return lines(text); });
    const auto failed = ask(milliseconds(100));
    EXPECT_EQ(failed.error().code, Code::unavailable);
    EXPECT_TRUE(failed.error().message.contains("is this a kachery hub?")) << failed.error().message;
  }
}

TEST_F(AskTest, StopsAtTheUsersRequest) {
  hub_.set_script([&](const RequestHead&, const std::string&) {
    cancel_ = true;
    return lines(line(state("running", 7)));
  });
  EXPECT_EQ(ask(milliseconds(60'000)).error().code, Code::cancelled);
}

}  // namespace
}  // namespace kachery::remote
