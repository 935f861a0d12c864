#include <sstream>
#include <thread>

#include "hub/gateway/channel_fixture.h"
#include "hub/gateway/upkeep_tasks.h"
#include "hub/rendezvous/fake_provider.h"
#include "wire/resources.h"

namespace kachery::hub {
namespace {

using std::chrono::steady_clock;

// Bob and Carol provide, the owner's machine asks; Alice owns the channels.
class AskChannelsTest : public ChannelHubTest {
 protected:
  AskChannelsTest() { EXPECT_EQ(create(&alices, "mice").status, 200); }

  std::shared_ptr<FakeProvider> connect(const KeyPair& key) {
    auto provider = std::make_shared<FakeProvider>(parts_->loop, key.node_id());
    Providers& providers = parts_->gateway.shared().rendezvous.providers;
    const auto entered = on_loop<Result<>>(
        [&] { return providers.enter(NodeInZone{zone_named("lab"), key.node_id()}, provider); });
    EXPECT_TRUE(entered);
    return provider;
  }
  wire::AskFile question(const std::string& bytes, const std::optional<ChannelName>& channel = {}) {
    return {.zone = zone_named("lab"),
            .digest = sha1(bytes),
            .resource = {},
            .channel = channel,
            .timeout_ms = 20'000,
            .ignore_bucket = false};
  }
  // The lines of the answer.
  std::vector<wire::AskState> ask(const KeyPair& key, const wire::AskFile& message) {
    const Answer answer = call(&key, "/v1/files/ask", message);
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<wire::AskState> lines;
    std::istringstream text(answer.body);
    for (std::string line; std::getline(text, line);)
      lines.push_back(wire::parse<wire::AskState>(line).value());
    return lines;
  }
  // Has it upload what it is asked for, to the channel of its order.
  void uploads(const KeyPair& key, const std::string& bytes, const ChannelName& to) {
    EXPECT_EQ(put_small(key, bytes, to).status, 200);
  }
  static Task<int> one_order(std::shared_ptr<FakeProvider> provider) {
    co_await provider->asked(1);
    co_return 0;
  }
  static Task<int> reviewed(AskChannelsTest& test) {
    review_providers(test.parts_->gateway.shared());
    co_return 0;
  }
  static std::optional<std::optional<ByteCount>> has(ByteCount size) {
    return std::optional(std::optional(size));
  }

  const ChannelName mice = channel_named("mice");
};

TEST_F(AskChannelsTest, NobodyIsAskedForWhoMayNotAsk) {
  let(bobs, kProvides);
  const auto bob = connect(bobs);
  bob->has = has(7);
  EXPECT_EQ(call(&carols, "/v1/files/ask", question("content", rats)).failure().code, Code::denied);
  EXPECT_EQ(call(&carols, "/v1/files/ask", question("content")).failure().code, Code::denied);
  EXPECT_EQ(call(nullptr, "/v1/files/ask", question("content")).failure().code, Code::denied);
  let(carols, kProvides);
  EXPECT_EQ(call(&carols, "/v1/files/ask", question("content", rats)).failure().code, Code::denied);
  let(carols, kReads, "mice");
  EXPECT_EQ(call(&carols, "/v1/files/ask", question("content", rats)).failure().code, Code::denied);
  const auto lines = ask(carols, question("content"));
  EXPECT_EQ(lines.back().state, wire::kNotFound);
  EXPECT_TRUE(lines.back().message->contains("the channel mice: no node")) << *lines.back().message;
  const wire::AskHolders holders{zone_named("lab"), sha1("content"), rats};
  EXPECT_EQ(call(&carols, "/v1/files/holders", holders).failure().code, Code::denied);
  EXPECT_TRUE(bob->asked_whether.empty());
}

TEST_F(AskChannelsTest, WhoHasARightInTheZoneAndNoChannelAsksNobody) {
  const auto lines = ask(owners, question("content"));
  EXPECT_EQ(lines.back().state, wire::kNotFound);
  EXPECT_TRUE(lines.back().message->contains("requests files in no channel")) << *lines.back().message;
}

// Granted x wanted, of who asks and of who provides.
TEST_F(AskChannelsTest, OnlyRolesThatAreGrantedAndWantedCount) {
  const auto bob = connect(bobs);
  bob->has = has(7);
  bob->last = state(wire::kNotFound);
  let(carols, kReads);
  for (const bool granted : {false, true}) {
    for (const bool wanted : {false, true}) {
      const Roles others{Role::request_files, Role::provide_feeds};
      EXPECT_EQ(change(&alices, "revoke", bobs, Roles::all()).status, 200);
      EXPECT_EQ(change(&alices, "grant", bobs, granted ? others | kProvides : others).status, 200);
      EXPECT_EQ(want(bobs, wanted ? others | kProvides : others).status, 200);
      bob->asked_whether.clear();
      const auto lines = ask(carols, question("content", rats));
      EXPECT_EQ(bob->asked_whether.size(), granted && wanted ? 1U : 0U) << granted << wanted;
      EXPECT_EQ(lines.back().state, wire::kNotFound);
    }
  }
}

TEST_F(AskChannelsTest, OneOfThoseWhoHaveItUploadsItToTheChannel) {
  let(bobs, kProvides);
  let(carols, kProvides);
  let(owners, kReads);
  const auto bob = connect(bobs);
  const auto carol = connect(carols);
  carol->has = has(7);
  uploads(carols, "content", rats);
  wire::AskFile message = question("content");
  EXPECT_EQ(ask(owners, message).back().state, wire::kCompleted) << "it is there";
  message.ignore_bucket = true;
  carol->last = state(wire::kCompleted);
  const auto lines = ask(owners, message);
  EXPECT_EQ(lines.back().state, wire::kCompleted);
  ASSERT_EQ(carol->orders.size(), 1U);
  EXPECT_EQ(carol->orders[0]->upload().channel, rats);
  EXPECT_TRUE(bob->orders.empty());
  EXPECT_EQ(bob->asked_whether.size(), 1U);
  EXPECT_EQ(bob->asked_whether[0].channels, std::vector{rats});
}

TEST_F(AskChannelsTest, TheNextOneGetsItWhereOneFails) {
  let(bobs, kProvides);
  let(carols, kProvides);
  let(owners, kReads);
  const auto bob = connect(bobs);
  const auto carol = connect(carols);
  bob->has = carol->has = has(7);
  for (const auto& failure :
       {Result<wire::AskState>(state(wire::kNotFound)), Result<wire::AskState>(state(wire::kError)),
        Result<wire::AskState>(state(wire::kRunning)),
        Result<wire::AskState>(fail(Code::unavailable, "it is gone"))}) {
    bob->last = carol->last = failure;
    bob->orders.clear();
    carol->orders.clear();
    const auto lines = ask(owners, question("content"));
    EXPECT_EQ(bob->orders.size() + carol->orders.size(), 2U);
    EXPECT_TRUE(wire::is_final(lines.back()));
    EXPECT_NE(lines.back().state, wire::kCompleted);
  }
}

TEST_F(AskChannelsTest, WhoLiedIsAskedLast) {
  let(bobs, kProvides);
  let(owners, kReads);
  const auto bob = connect(bobs);
  bob->has = has(7);
  bob->last = state(wire::kCompleted);  // Without an upload.
  EXPECT_EQ(ask(owners, question("content")).back().code, Code::corrupt);
  let(carols, kProvides);
  const auto carol = connect(carols);
  carol->has = has(7);
  carol->last = state(wire::kRunning);
  bob->orders.clear();
  static_cast<void>(ask(owners, question("content")));
  ASSERT_EQ(bob->orders.size(), 1U);
  ASSERT_EQ(carol->orders.size(), 1U) << "both have failed, one after the other";
  EXPECT_TRUE(carol->orders[0]->has_ended());
}

TEST_F(AskChannelsTest, AnotherChannelIsTriedWhereNobodyOfOneIsLeft) {
  let(bobs, kProvides, "mice");
  let(carols, kProvides, "rats");
  let(owners, kReads, "mice");
  let(owners, kReads, "rats");
  const auto bob = connect(bobs);
  const auto carol = connect(carols);
  bob->has = carol->has = has(7);
  bob->last = carol->last = state(wire::kError);
  EXPECT_EQ(ask(owners, question("content")).back().state, wire::kError);
  ASSERT_EQ(bob->orders.size(), 1U);
  ASSERT_EQ(carol->orders.size(), 1U);
  EXPECT_EQ(bob->orders[0]->upload().channel, mice);
  EXPECT_EQ(carol->orders[0]->upload().channel, rats);
}

TEST_F(AskChannelsTest, AMissIsSaidInTimeWithThoseWhoWereAsked) {
  let(bobs, kProvides);
  let(carols, kProvides);
  let(owners, kReads);
  const auto bob = connect(bobs);
  const auto carol = connect(carols);
  auto begun = steady_clock::now();
  auto lines = ask(owners, question("content"));
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(2)) << "all have answered";
  EXPECT_TRUE(lines.back().message->contains("the channel rats: 2 nodes")) << *lines.back().message;
  bob->has.reset();
  begun = steady_clock::now();
  lines = ask(owners, question("content"));
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(3));
  EXPECT_TRUE(lines.back().message->contains("1 did not answer")) << *lines.back().message;
  carol->has = has(7);
  begun = steady_clock::now();
  carol->last = state(wire::kNotFound);
  const auto found =
      call(&owners, "/v1/files/holders", wire::AskHolders{zone_named("lab"), sha1("content"), {}})
          .message<wire::Holders>();
  EXPECT_EQ(found.asked, 2U);
  EXPECT_EQ(found.silent, 1U);
  ASSERT_EQ(found.holders.size(), 1U);
  EXPECT_EQ(found.holders[0].node, carols.node_id());
  EXPECT_EQ(found.holders[0].size, 7U);
  EXPECT_EQ(found.channels, std::vector{rats});
}

TEST_F(AskChannelsTest, ARoleThatIsWithdrawnEndsItForWhoeverHadIt) {
  let(bobs, kProvides);
  let(owners, kReads);
  const auto bob = connect(bobs);
  bob->has = has(7);
  const auto asked = [&](const auto& withdraw) {
    bob->orders.clear();
    std::vector<wire::AskState> lines;
    {
      const std::jthread asker([&] { lines = ask(owners, question("content")); });
      on_loop<int>([&] { return one_order(bob); });
      withdraw();
      on_loop<int>([&] { return reviewed(*this); });
    }
    return lines.back();
  };
  const auto provider_lost =
      asked([&] { EXPECT_EQ(change(&alices, "revoke", bobs, kProvides).status, 200); });
  EXPECT_EQ(provider_lost.code, Code::unavailable);
  let(bobs, kProvides);
  const auto asker_lost = asked([&] { EXPECT_EQ(want(owners, Roles()).status, 200); });
  EXPECT_EQ(asker_lost.code, Code::denied);
  EXPECT_FALSE(bob->orders.at(0)->is_wanted()) << "nobody else wants it";
}

}  // namespace
}  // namespace kachery::hub
