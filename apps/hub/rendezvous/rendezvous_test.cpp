#include "hub/rendezvous/rendezvous.h"

#include <gtest/gtest.h>

#include "crypto/hasher.h"
#include "hub/rendezvous/fake_provider.h"

namespace kachery::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

ResourceId data() {
  return {*ZoneName::parse("lab"), *ResourceName::parse("data")};
}

Digest digest() {
  return Hasher::of(Algorithm::sha1, as_bytes(std::string_view("content")));
}

// Everything happens on one thread, in the order in which the test says it.
class RendezvousTest : public testing::Test {
 public:
  using Test = Task<> (*)(RendezvousTest& test);

  void run(Test test, const RendezvousLimits& limits = {.ping_wait = milliseconds(30),
                                                        .return_wait = milliseconds(100),
                                                        .stall_wait = milliseconds(5'000),
                                                        .tell_every = milliseconds(0)}) {
    limits_ = limits;
    meeting.emplace(
        loop, [this](const ResourceId&) { return owner; },
        [this](const ZoneName&, const Reader&, const Digest&) { return find_size(*this); }, limits);
    loop.spawn(guarded(*this, test));
    loop.run();
    EXPECT_TRUE(has_ended_);
  }
  static Task<> guarded(RendezvousTest& test, Test body) {
    co_await body(test);
    test.has_ended_ = true;
    test.loop.stop();
  }
  static Task<Result<std::optional<ByteCount>>> find_size(RendezvousTest& test) { co_return test.in_zone; }

  Providers& providers() { return meeting->providers; }
  Orders& orders() { return meeting->orders; }
  std::shared_ptr<FakeProvider> make(unsigned char number = 1) {
    return std::make_shared<FakeProvider>(loop, node(number));
  }
  std::shared_ptr<Order> ask(const std::string& who) {
    Result<std::shared_ptr<Order>> order = orders().ask(data(), digest(), {who, node(9)});
    KACHERY_ASSERT(order.has_value());
    return *order;
  }
  static Task<> end_of(std::shared_ptr<Order> order) {
    while (!order->has_ended()) co_await order->changed().wait(milliseconds(1'000));
  }

  Loop loop{1};
  std::optional<Rendezvous> meeting;
  std::optional<NodeId> owner;  // Of every name.
  std::optional<ByteCount> in_zone = 7;
  RendezvousLimits limits_;
  bool has_ended_ = false;
};

TEST_F(RendezvousTest, AllWhoAskForAFileShareOneUpload) {
  run([](RendezvousTest& test) -> Task<> {
    const auto provider = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), provider));
    std::vector<std::shared_ptr<Order>> asked;
    asked.reserve(1'000);
    for (int i = 0; i < 1'000; ++i) asked.push_back(test.ask("asker " + std::to_string(i)));
    co_await provider->asked(1);
    EXPECT_EQ(test.orders().running(), 1U);
    EXPECT_EQ(asked.front()->state().state, wire::kAsking);
    EXPECT_EQ(provider->orders.front()->upload().asker, node(9));

    provider->orders.front()->progress(state(wire::kRunning, 3, 7));
    for (const auto& order : asked) EXPECT_EQ(order->state().bytes_uploaded, 3U);
    provider->last = state(wire::kCompleted);
    co_await end_of(asked.front());
    for (const auto& order : asked) EXPECT_EQ(order->state().state, wire::kCompleted);
    EXPECT_EQ(asked.front()->state().size, 7U);
    EXPECT_EQ(provider->orders.size(), 1U);
    EXPECT_EQ(test.orders().running(), 0U);
  });
}

TEST_F(RendezvousTest, ANameIsServedByItsOwnNodeUnlessADaemonServesItAlone) {
  run([](RendezvousTest& test) -> Task<> {
    test.owner = node(1);
    const Post post = NodeInZone{data().zone, node(1)};
    const auto whole = test.make();
    EXPECT_TRUE(co_await test.providers().enter(post, whole));
    EXPECT_EQ(test.providers().find(data()), whole);
    EXPECT_TRUE(test.providers().expects(data()));

    const auto alone = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), alone));
    EXPECT_EQ(test.providers().find(data()), alone);
    test.providers().leave(data(), *alone);
    EXPECT_EQ(test.providers().find(data()), whole);

    const auto second = test.make();
    const Result<> refused = co_await test.providers().enter(post, second);
    EXPECT_FALSE(refused);
    if (!refused) EXPECT_EQ(refused.error().code, Code::exists);
    EXPECT_EQ(whole->notices.size(), 1U);

    test.owner = node(2);  // The name is another node's now.
    EXPECT_EQ(test.providers().find(data()), nullptr);
    test.owner = node(1);
    test.providers().leave(post, *whole);
    EXPECT_EQ(test.providers().find(data()), nullptr);
    EXPECT_TRUE(test.providers().expects(data())) << "it may come back";
  });
}

TEST_F(RendezvousTest, WhatALiarCallsCompletedIsAnError) {
  run([](RendezvousTest& test) -> Task<> {
    test.in_zone = std::nullopt;
    const auto provider = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), provider));
    provider->last = state(wire::kCompleted, 7, 7);
    const auto order = test.ask("a");
    co_await end_of(order);
    EXPECT_EQ(order->state().state, wire::kError);
    EXPECT_EQ(order->state().code, Code::corrupt);
    EXPECT_TRUE(order->state().message->contains("does not have it")) << *order->state().message;
  });
}

TEST_F(RendezvousTest, AnEndThatIsNoneAndAReasonThatIsTooLongAreNotPassedOn) {
  run([](RendezvousTest& test) -> Task<> {
    const auto provider = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), provider));
    provider->last = state(wire::kRunning);
    auto order = test.ask("a");
    co_await end_of(order);
    EXPECT_EQ(order->state().code, Code::invalid);

    wire::AskState angry = state(wire::kError);
    angry.message = "\x1b[31m" + std::string(100'000, 'x');
    provider->last = angry;
    order = test.ask("a");
    co_await end_of(order);
    EXPECT_EQ(order->state().code, Code::internal);
    EXPECT_LT(order->state().message->size(), 2'000U);
    EXPECT_FALSE(order->state().message->contains('\x1b'));
    order->progress(state(wire::kRunning, 5));
    EXPECT_EQ(order->state().state, wire::kError) << "what has ended goes on no more";
  });
}

TEST_F(RendezvousTest, NobodyIsAskedWhoIsNotThere) {
  run([](RendezvousTest& test) -> Task<> {
    // Right after the start of a hub its daemons may be on their way.
    const auto early = test.ask("a");
    co_await end_of(early);
    EXPECT_EQ(early->state().code, Code::unavailable);
    const auto order = test.orders().ask(data(), digest(), {"a"});
    EXPECT_FALSE(order);
    if (!order) EXPECT_EQ(order.error().code, Code::unavailable);
  });
}

TEST_F(RendezvousTest, AnUploadGoesOnWhenItsProviderComesBack) {
  run([](RendezvousTest& test) -> Task<> {
    const auto first = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), first));
    const auto order = test.ask("a");
    co_await first->asked(1);
    order->progress(state(wire::kRunning, 3, 7));
    first->last = fail(Code::unavailable, "the connection broke");
    test.providers().leave(data(), *first);
    const auto again = test.make();
    again->last = state(wire::kCompleted);
    EXPECT_TRUE(co_await test.providers().enter(data(), again));
    co_await end_of(order);
    EXPECT_EQ(order->state().state, wire::kCompleted);
    EXPECT_EQ(again->orders.size(), 1U);
  });
}

TEST_F(RendezvousTest, AnUploadWhoseProviderStaysAwayFailsWithWhatItHadSent) {
  run([](RendezvousTest& test) -> Task<> {
    const auto provider = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), provider));
    const auto order = test.ask("a");
    co_await provider->asked(1);
    order->progress(state(wire::kRunning, 3, 7));
    const auto before = steady_clock::now();
    provider->last = fail(Code::unavailable, "the connection broke");
    test.providers().leave(data(), *provider);
    co_await end_of(order);
    EXPECT_GE(steady_clock::now() - before, test.limits_.return_wait);
    EXPECT_EQ(order->state().code, Code::unavailable);
    EXPECT_TRUE(order->state().message->contains("the provider went away"));
    EXPECT_EQ(order->state().bytes_uploaded, 3U);
    EXPECT_EQ(order->state().size, 7U);
  });
}

TEST_F(RendezvousTest, OnlyTheLastOneWhoCancelsStopsTheProvider) {
  run([](RendezvousTest& test) -> Task<> {
    const auto provider = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), provider));
    auto order = test.ask("a");
    test.ask("b");
    test.ask("b");
    co_await provider->asked(1);
    test.orders().cancel(data(), digest(), "a");
    test.orders().cancel(data(), digest(), "a");
    test.orders().cancel(data(), digest(), "a stranger");
    EXPECT_FALSE(order->has_ended());
    test.orders().cancel(data(), digest(), "b");
    EXPECT_EQ(order->state().code, Code::cancelled);
    while (provider->stopped == 0) co_await test.loop.sleep(milliseconds(1));
    EXPECT_EQ(test.orders().running(), 0U);

    order = test.ask("a");
    co_await provider->asked(2);
    EXPECT_FALSE(order->has_ended()) << "asked again, it begins again";
    order.reset();  // Whoever goes away without a word leaves it as it is.
    EXPECT_EQ(test.orders().running(), 1U);
    provider->last = state(wire::kCompleted);
    co_await end_of(test.ask("c"));
  });
}

TEST_F(RendezvousTest, WhatSendsNothingFails) {
  constexpr RendezvousLimits kImpatient{
      .return_wait = milliseconds(100), .stall_wait = milliseconds(50), .tell_every = milliseconds(0)};
  run(
      [](RendezvousTest& test) -> Task<> {
        const auto provider = test.make();
        EXPECT_TRUE(co_await test.providers().enter(data(), provider));
        const auto silent = test.ask("a");
        co_await end_of(silent);
        EXPECT_EQ(silent->state().code, Code::timed_out);

        const auto queued = test.ask("a");
        co_await provider->asked(2);
        queued->progress(state(wire::kQueued));
        const auto until = steady_clock::now() + milliseconds(120);
        while (steady_clock::now() < until) co_await queued->changed().wait(milliseconds(20));
        EXPECT_FALSE(queued->has_ended()) << "a queue may be long";
        queued->progress(state(wire::kRunning, 3, 7));
        const auto begun = steady_clock::now();
        while (!queued->has_ended() && steady_clock::now() < begun + milliseconds(1'000)) {
          queued->progress(state(wire::kRunning, 3, 7));  // Says that it runs, and sends nothing.
          co_await test.loop.sleep(milliseconds(5));
        }
        EXPECT_EQ(queued->state().code, Code::timed_out);
        EXPECT_EQ(queued->state().bytes_uploaded, 3U);
      },
      kImpatient);
}

TEST_F(RendezvousTest, ASecondDaemonChangesNothingForTheFirst) {
  run([](RendezvousTest& test) -> Task<> {
    const auto first = test.make(1);
    const auto same_key = test.make(1);
    const auto other_key = test.make(2);
    EXPECT_TRUE(co_await test.providers().enter(data(), first));
    const auto order = test.ask("a");
    co_await first->asked(1);
    const Result<> same = co_await test.providers().enter(data(), same_key);
    const Result<> other = co_await test.providers().enter(data(), other_key);
    EXPECT_EQ(same.error().code, Code::exists);
    EXPECT_EQ(other.error().code, Code::exists);
    EXPECT_EQ(first->pings, 1) << "another key does not even make it answer";
    EXPECT_EQ(first->notices.size(), 1U) << "and not again and again";
    EXPECT_TRUE(first->cuts.empty());
    test.providers().leave(data(), *same_key);  // The refused one's end is not the first one's (R9).
    EXPECT_EQ(test.providers().find(data()), first);
    EXPECT_FALSE(order->has_ended());
    EXPECT_TRUE(same_key->orders.empty() && other_key->orders.empty());
  });
}

TEST_F(RendezvousTest, ADaemonThatIsDeadLosesItsNameToTheNextOneOfItsKey) {
  run([](RendezvousTest& test) -> Task<> {
    const auto first = test.make(1);
    EXPECT_TRUE(co_await test.providers().enter(data(), first));
    first->answers_pings = false;
    const auto other_key = test.make(2);
    EXPECT_FALSE(co_await test.providers().enter(data(), other_key));
    const auto next = test.make(1);
    EXPECT_TRUE(co_await test.providers().enter(data(), next));
    EXPECT_EQ(test.providers().find(data()), next);
    EXPECT_EQ(first->cuts.size(), 1U);
    test.providers().leave(data(), *first);
    EXPECT_EQ(test.providers().find(data()), next);
  });
}

TEST_F(RendezvousTest, WhoeverMayNotServeAnyMoreIsCut) {
  run([](RendezvousTest& test) -> Task<> {
    const ResourceId other{data().zone, *ResourceName::parse("other")};
    const auto revoked = test.make(1);
    const auto good = test.make(2);
    EXPECT_TRUE(co_await test.providers().enter(data(), revoked));
    EXPECT_TRUE(co_await test.providers().enter(other, good));
    const auto order = test.ask("a");
    co_await revoked->asked(1);
    revoked->last = fail(Code::unavailable, "cut");
    test.providers().review([](const Post&, const Provider& provider) -> Result<> {
      if (provider.node() == node(1)) return fail(Code::denied, "the node was revoked");
      return {};
    });
    EXPECT_EQ(revoked->cuts, std::vector<std::string>{"the node was revoked"});
    EXPECT_TRUE(good->cuts.empty());
    EXPECT_EQ(test.providers().count(), 1U);
    co_await end_of(order);
    EXPECT_EQ(order->state().code, Code::unavailable);
  });
}

TEST_F(RendezvousTest, ThereAreNotMoreOrdersThanThereMayBe) {
  run(
      [](RendezvousTest& test) -> Task<> {
        const auto provider = test.make();
        EXPECT_TRUE(co_await test.providers().enter(data(), provider));
        std::vector<Digest> digests;
        digests.reserve(4);
        for (std::size_t i = 0; i < 4; ++i)
          digests.push_back(Hasher::of(Algorithm::sha1, as_bytes(std::string_view("abcd").substr(0, i + 1))));
        for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(test.orders().ask(data(), digests[i], {"a"}));
        const auto more = test.orders().ask(data(), digests[3], {"a"});
        EXPECT_FALSE(more);
        if (!more) EXPECT_EQ(more.error().code, Code::exhausted);
        EXPECT_TRUE(test.orders().ask(data(), digests[0], {"b"}));
        EXPECT_FALSE(test.orders().ask(data(), digests[0], {"c"})) << "nobody's interest is forgotten";
        test.orders().cancel(data(), digests[1], "a");
        EXPECT_TRUE(test.orders().ask(data(), digests[3], {"a"}));
      },
      {.return_wait = milliseconds(50), .orders_of_one_max = 3, .askers_of_order_max = 2});
}

Digest sha256_named(unsigned char number) {
  return Hasher::of(Algorithm::sha256, ByteView(reinterpret_cast<const std::byte*>(&number), 1));
}

std::vector<ChunkEntry> chunks_named(std::initializer_list<unsigned char> numbers) {
  std::vector<ChunkEntry> chunks;
  for (const unsigned char number : numbers) chunks.push_back({sha256_named(number), 10U + number});
  return chunks;
}

BegunFile begun_by(unsigned char node_number, const std::string& upload = "upload") {
  return {.zone = data().zone,
          .channel = {},
          .node = node(node_number),
          .digest = digest(),
          .upload = upload,
          .manifest = sha256_named(99)};
}

// The numbers of the chunks that have come, in the order of their coming.
std::vector<std::uint64_t> come(const Order& order) {
  std::vector<std::uint64_t> numbers;
  if (order.arriving() == nullptr) return numbers;
  for (const ArrivingUpload::Chunk& chunk : order.arriving()->come()) numbers.push_back(chunk.number);
  return numbers;
}

using Numbers = std::vector<std::uint64_t>;

TEST_F(RendezvousTest, WhoWaitsHearsOfEachChunkOnceInTheOrderInWhichItCame) {
  run([](RendezvousTest& test) -> Task<> {
    const auto provider = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), provider));
    const auto order = test.ask("a");
    co_await provider->asked(1);
    Arrivals& arrivals = test.orders().arrivals();
    EXPECT_EQ(order->arriving(), nullptr);
    arrivals.begun(begun_by(1), chunks_named({0, 1, 2}), {false, true, false});
    EXPECT_EQ(order->arriving()->manifest(), sha256_named(99));
    EXPECT_EQ(come(*order), Numbers{1}) << "that one was there";
    arrivals.sent("upload", sha256_named(2));
    arrivals.sent("upload", sha256_named(2));
    arrivals.announced("upload", chunks_named({3, 4}), {true, false});
    arrivals.sent("upload", sha256_named(0));
    arrivals.sent("upload", sha256_named(50));
    EXPECT_EQ(come(*order), (Numbers{1, 2, 3, 0})) << "also what was announced later, and nothing else";
    // The daemon was started again, and goes on.
    arrivals.begun(begun_by(1), chunks_named({0, 1, 2}), {true, true, true});
    arrivals.announced("upload", chunks_named({3, 4}), {true, true});
    EXPECT_EQ(come(*order), (Numbers{1, 2, 3, 0, 4}));
    EXPECT_EQ(order->arriving()->come().back().entry.size, 14U);
    arrivals.begun(begun_by(1, "another"), chunks_named({7}), {true});
    EXPECT_EQ(come(*order), Numbers{0}) << "the upload had expired";
    arrivals.sent("upload", sha256_named(1));
    EXPECT_EQ(come(*order), Numbers{0});
    provider->last = state(wire::kCompleted);
    co_await end_of(order);
    EXPECT_EQ(order->arriving(), nullptr);
    arrivals.sent("another", sha256_named(7));
  });
}

TEST_F(RendezvousTest, NothingIsToldOfAnotherUpload) {
  run([](RendezvousTest& test) -> Task<> {
    const auto provider = test.make(1);
    EXPECT_TRUE(co_await test.providers().enter(data(), provider));
    const auto order = test.ask("a");
    co_await provider->asked(1);
    Arrivals& arrivals = test.orders().arrivals();
    arrivals.begun(begun_by(2), chunks_named({0}), {true});  // By another node.
    BegunFile elsewhere = begun_by(1);
    elsewhere.zone = *ZoneName::parse("elsewhere");
    arrivals.begun(elsewhere, chunks_named({0}), {true});
    BegunFile other = begun_by(1);
    other.digest = Hasher::of(Algorithm::sha1, as_bytes(std::string_view("other")));
    arrivals.begun(other, chunks_named({0}), {true});
    arrivals.sent("upload", sha256_named(0));
    EXPECT_EQ(order->arriving(), nullptr);
    provider->last = state(wire::kNotFound);
    co_await end_of(order);
  });
}

TEST_F(RendezvousTest, NotMoreChunksAreRememberedThanThereMayBe) {
  run(
      [](RendezvousTest& test) -> Task<> {
        const auto provider = test.make();
        EXPECT_TRUE(co_await test.providers().enter(data(), provider));
        auto order = test.ask("a");
        co_await provider->asked(1);
        Arrivals& arrivals = test.orders().arrivals();
        arrivals.begun(begun_by(1), chunks_named({0, 1, 2}), {true, true, true});
        EXPECT_EQ(come(*order), (Numbers{0, 1}));
        test.orders().cancel(data(), digest(), "a");
        order = test.ask("a");
        co_await provider->asked(2);
        arrivals.begun(begun_by(1), chunks_named({2, 3}), {true, true});
        EXPECT_EQ(come(*order), (Numbers{0, 1})) << "what has ended takes no room";
        provider->last = state(wire::kNotFound);
        co_await end_of(order);
      },
      {.return_wait = milliseconds(50), .tell_every = milliseconds(0), .arriving_chunks_max = 2});
}

TEST_F(RendezvousTest, NoProviderTellsWhereToFetch) {
  run([](RendezvousTest& test) -> Task<> {
    const auto provider = test.make();
    EXPECT_TRUE(co_await test.providers().enter(data(), provider));
    wire::AskState last = state(wire::kNotFound);
    last.arrivals = wire::Arrivals{sha256_named(99), {{0, sha256_named(0), 10, "http://127.0.0.1:1/"}}};
    provider->last = last;
    const auto order = test.ask("a");
    order->progress(last);
    co_await end_of(order);
    EXPECT_FALSE(order->state().arrivals);
  });
}

}  // namespace
}  // namespace kachery::hub
