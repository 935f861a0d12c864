// What is older, without a network: the gate that daemons pass, and what clients are answered.
#include <gtest/gtest.h>

#include "hub/gateway/hub_parts.h"
#include "hub/legacy/older_asking.h"
#include "hub/legacy/secret_gate.h"
#include "hub/rendezvous/fake_provider.h"

namespace kachery::hub {
namespace {

using std::chrono::milliseconds;

ResourceId old() {
  return {*ZoneName::parse("lab"), *ResourceName::parse("old")};
}

std::string uri() {
  return "sha1://" + std::string(40, 'a');
}

std::string request_text(const std::string& asked, int inner_ms, int outer_ms) {
  return R"({"type":"requestFromClient","resourceName":"old","zone":"lab","request":{"type":"fileUpload","uri":")" +
         asked + R"(","timeoutMsec":)" + std::to_string(inner_ms) + R"(},"timeoutMsec":)" +
         std::to_string(outer_ms) + "}";
}

std::string body_of(const Response& response) {
  return std::get<std::string>(response.body);
}

class OlderTest : public testing::Test {
 public:
  using Body = Task<> (*)(OlderTest& test);

  void run(Body body) {
    loop.spawn(guarded(*this, body));
    loop.run();
    EXPECT_TRUE(has_ended_);
  }
  static Task<> guarded(OlderTest& test, Body body) {
    co_await body(test);
    test.has_ended_ = true;
    test.loop.stop();
  }
  Task<Response> ask(std::string asked, int inner_ms, int outer_ms) {
    auto request = parse_older_request("/r/old", request_text(asked, inner_ms, outer_ms));
    KACHERY_ASSERT(request.has_value());
    return answer_older_ask(rendezvous, {},
                            {.resource = old(), .asker = {"a client"}, .request = *std::move(request)});
  }

  Loop loop{1};
  SetClock clock;
  Rendezvous rendezvous{loop, {}, {}, {.return_wait = milliseconds(20)}};
  bool has_ended_ = false;
};

TEST_F(OlderTest, TheSecretIsLookedAtFiveTimesAMinute) {
  run([](OlderTest& test) -> Task<> {
    SecretGate gate(test.loop, test.clock,
                    Hasher::of(Algorithm::sha256, as_bytes(std::string_view("right"))));
    const Secret right(as_bytes(std::string_view("right")));
    const Secret wrong(as_bytes(std::string_view("wrong")));
    for (int i = 0; i < 50; ++i)
      EXPECT_TRUE(co_await gate.check("192.0.2.1", right)) << "who knows it is not counted";
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ((co_await gate.check("192.0.2.1", wrong)).error().code, Code::denied);
    EXPECT_TRUE(co_await gate.check("192.0.2.2", right)) << "others are not kept out";
    test.clock.now_ms += 11'990;  // Not yet time for the sixth, but nearly, so that the test need not wait.
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_FALSE(co_await gate.check("192.0.2.1", right)) << "now nothing is looked at";
    EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(5)) << "and it takes its time";
    test.clock.now_ms += 20;
    EXPECT_TRUE(co_await gate.check("192.0.2.1", right));
  });
}

TEST_F(OlderTest, WhatIsNoRequestIsAnsweredInItsWords) {
  const auto refused = [](const std::string& path, const std::string& text) {
    const auto request = parse_older_request(path, text);
    return request ? "taken" : std::to_string(request.error().status) + " " + body_of(request.error());
  };
  const std::string good = request_text(uri(), 1, 2);
  EXPECT_EQ(refused("/r/old", good), "taken");
  EXPECT_EQ(refused("/api", good), "taken");
  EXPECT_EQ(refused("/r/other", good), R"(500 {"message":"Resource name mismatch: other <> old"})");
  EXPECT_EQ(refused("/r/old", "{"), R"(400 {"message":"invalid request"})");
  EXPECT_EQ(refused("/r/old", good.substr(0, good.size() - 1) + R"(,"more":1})"),
            R"(400 {"message":"invalid request"})");
  EXPECT_EQ(refused("/r/old", good.substr(0, good.size() - 1) + R"(,"requestId":"x"})"),
            R"(400 {"message":"requestId field not allowed"})");
}

TEST_F(OlderTest, ClientsHearHowItIsWhenTheirTimeIsOver) {
  run([](OlderTest& test) -> Task<> {
    const auto provider = std::make_shared<FakeProvider>(test.loop, node(1));
    EXPECT_TRUE(co_await test.rendezvous.providers.enter(old(), provider));
    EXPECT_TRUE(body_of(co_await test.ask(uri(), 1, 100)).contains(R"("status":"queued")"));
    EXPECT_EQ((co_await test.ask(uri(), 1'000, 1)).status, 504);
    provider->orders.at(0)->progress(state(wire::kRunning, 3, 7));
    const std::string running = body_of(co_await test.ask(uri(), 1, 100));
    EXPECT_TRUE(running.contains(
        R"("response":{"type":"fileUpload","status":{"status":"running","size":7,"bytesUploaded":3}})"))
        << running;
    provider->last = state(wire::kNotFound);
    EXPECT_TRUE(body_of(co_await test.ask(uri(), 10'000, 20'000)).contains(R"("status":"not-found")"));
    EXPECT_TRUE(body_of(co_await test.ask(uri() + "?x", 1, 1)).contains("Invalid URI"));
    EXPECT_EQ(provider->orders.size(), 1U);
  });
}

TEST_F(OlderTest, NobodyThereIsNotFound) {
  run([](OlderTest& test) -> Task<> {
    co_await test.loop.sleep(milliseconds(25));  // After a start a daemon may be on its way.
    const Response response = co_await test.ask(uri(), 1'000, 2'000);
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(body_of(response), R"({"message":"resource not found: old"})");
  });
}

}  // namespace
}  // namespace kachery::hub
