// What a client may rely on when it talks to a hub, whatever the hub or the network does.
#include "remote/hub.h"

#include <gtest/gtest.h>

#include <chrono>

#include "remote/fake_hub.h"

namespace kachery::remote {
namespace {

using std::chrono::milliseconds;

constexpr RetryPolicy kQuick{
    .tries_max = 4, .first = milliseconds(1), .longest = milliseconds(5), .patience = milliseconds(0)};

class HubTest : public testing::Test {
 protected:
  Hub client(std::optional<KeyPair> key = std::nullopt) {
    return Hub({.url = hub_.url(), .key = std::move(key), .retry = kQuick});
  }
  Result<wire::FoundFiles> find(Hub& client) {
    return client.call(kFind, {ZoneName::parse("default").value(), {sha256_of("x")}}, cancel_);
  }

  FakeHub hub_;
  std::atomic<bool> cancel_ = false;
};

TEST_F(HubTest, SignsEachTryAnew) {
  const KeyPair key = KeyPair::generate();
  std::vector<std::string> nonces;
  std::size_t wrong = 0;
  hub_.set_script([&, urls = std::vector{hub_.url()}](const RequestHead& head, const std::string& body) {
    const auto by = verify_request(head, urls);
    if (!by || by->node != key.node_id() || by->body != sha256_of(body)) ++wrong;
    if (by) nonces.push_back(by->nonce);
    return nonces.size() < 3 ? std::optional(FakeHub::failure(503, Code::unavailable, "busy")) : std::nullopt;
  });
  Hub client(HubTest::client(KeyPair(key.seed())));
  ASSERT_TRUE(find(client));
  EXPECT_EQ(wrong, 0U);
  ASSERT_EQ(nonces.size(), 3U);
  EXPECT_NE(nonces[0], nonces[1]);
  EXPECT_NE(nonces[1], nonces[2]);
}

TEST_F(HubTest, GivesUpWithWhatTheHubSays) {
  hub_.set_script([](const RequestHead&, const std::string&) {
    return FakeHub::failure(503, Code::unavailable, "the disk of the hub is full");
  });
  Hub client = HubTest::client();
  const auto refused = find(client);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_TRUE(refused.error().message.contains("the disk of the hub is full")) << refused.error().message;
  EXPECT_TRUE(refused.error().message.contains("request-7")) << refused.error().message;
  EXPECT_TRUE(refused.error().message.contains(hub_.url().str())) << refused.error().message;
  EXPECT_EQ(hub_.count("/v1/files/find"), 4U);
}

TEST_F(HubTest, DoesNotRepeatWhatIsRefused) {
  hub_.set_script([](const RequestHead&, const std::string&) {
    return FakeHub::failure(403, Code::denied, "this node is revoked");
  });
  Hub client = HubTest::client(KeyPair::generate());
  EXPECT_EQ(find(client).error().code, Code::denied);
  EXPECT_EQ(hub_.count("/v1/files/find"), 1U);
}

// The hub's clock is 30 days ahead: a signature by our own is refused there.
TEST_F(HubTest, GoesByTheHubsClockOnceItWasRefused) {
  constexpr std::int64_t kAheadMs = 30LL * 24 * 3600 * 1000;
  hub_.set_script([urls = std::vector{hub_.url()}](const RequestHead& head,
                                                   const std::string&) -> std::optional<Response> {
    const auto by = verify_request(head, urls);
    const std::int64_t hub_s = system_clock().now_ns() / 1'000'000'000 + kAheadMs / 1000;
    if (by && std::abs(by->created_s - hub_s) < kSignatureWindowS) return std::nullopt;
    return FakeHub::failure(403, Code::denied, "signed at another time", kAheadMs);
  });
  Hub client = HubTest::client(KeyPair::generate());
  ASSERT_TRUE(find(client));
  EXPECT_EQ(hub_.count("/v1/files/find"), 2U);
  ASSERT_TRUE(find(client));
  EXPECT_EQ(hub_.count("/v1/files/find"), 3U) << "the second call knows";

  hub_.set_script([](const RequestHead&, const std::string&) {
    return FakeHub::failure(403, Code::denied, "no right", kAheadMs);
  });
  const auto refused = find(client);
  EXPECT_TRUE(refused.error().message.contains("720 h behind")) << refused.error().message;
}

TEST_F(HubTest, TellsWhenSomethingElseAnswers) {
  for (const auto& [status, type] : std::vector<std::pair<int, std::string>>{
           {200, "text/html"}, {200, "application/json"}, {404, "text/html"}}) {
    hub_.set_script([&](const RequestHead&, const std::string&) {
      return Response{status, {{"Content-Type", type}}, "<html>Welcome to the hotel</html>"};
    });
    Hub client = HubTest::client();
    const auto found = find(client);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::unavailable);
    EXPECT_TRUE(found.error().message.contains("is this a kachery hub?")) << found.error().message;
    EXPECT_FALSE(client.info(cancel_));
  }
}

TEST_F(HubTest, SendsNothingInTheClearToOtherMachines) {
  Hub client({.url = Url::parse("http://192.0.2.1:99").value(), .retry = kQuick});
  const auto found = find(client);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::invalid);
  EXPECT_TRUE(found.error().message.contains("KACHERY_INSECURE_HTTP")) << found.error().message;
}

TEST_F(HubTest, WaitsLongerForAHubThatHasAnswered) {
  RetryPolicy retry = kQuick;
  retry.patience = std::chrono::minutes(1);
  Hub client({.url = hub_.url(), .retry = retry});
  int asked = 0;
  hub_.set_script([&](const RequestHead&, const std::string&) -> std::optional<Response> {
    ++asked;
    if (asked % 30 == 0) return std::nullopt;
    return FakeHub::failure(503, Code::unavailable, "starting");
  });
  EXPECT_EQ(find(client).error().code, Code::unavailable);
  EXPECT_EQ(asked, kQuick.tries_max);
  asked = 29;
  EXPECT_TRUE(find(client));
  EXPECT_TRUE(find(client));
  EXPECT_EQ(asked, 60);
}

TEST_F(HubTest, StopsWithinASecond) {
  Hub client({.url = hub_.url(),
              .retry = {.tries_max = 10, .first = milliseconds(60'000), .longest = milliseconds(60'000)}});
  hub_.set_script([&](const RequestHead&, const std::string&) {
    cancel_ = true;
    return FakeHub::failure(503, Code::unavailable, "busy");
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(find(client).error().code, Code::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

// --- Bytes

std::string url_of(FakeHub& hub, std::string_view bytes) {
  return hub.url().str() + "/bucket/default/chunks/" + sha256_of(bytes).hex() + "?signature=secret";
}

TEST_F(HubTest, GoesOnBehindWhatCameWhenTheConnectionBreaks) {
  const std::string bytes = bytes_of_pattern(1 << 20);
  hub_.add(bytes);
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    const std::string* range = head.fields.find("range");
    const std::size_t start = range == nullptr ? 0 : std::stoul(range->substr(6));
    Response cut{range == nullptr ? 200 : 206};
    if (range != nullptr)
      cut.fields.add("Content-Range", "bytes " + std::to_string(start) + "-" +
                                          std::to_string(bytes.size() - 1) + "/" +
                                          std::to_string(bytes.size()));
    cut.body =
        std::make_unique<CutBody>(bytes.substr(start), std::min<std::size_t>(300'000, bytes.size() - start));
    return cut;
  });
  Hub client = HubTest::client();
  std::string got;
  const auto done = client.get(
      url_of(hub_, bytes), {0, bytes.size()},
      [&](ByteView piece) -> Result<> {
        got += as_text(piece);
        return {};
      },
      cancel_);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(got, bytes);
  EXPECT_GE(hub_.gets(), 4U);
}

TEST_F(HubTest, RefusesMoreOrFewerBytesThanThereShouldBe) {
  const std::string bytes = bytes_of_pattern(100'000);
  hub_.add(bytes);
  Hub client = HubTest::client();
  const auto nowhere = [](ByteView) { return Result<>(); };
  for (const ByteCount size : {99'999U, 100'001U})
    EXPECT_EQ(client.get(url_of(hub_, bytes), {0, size}, nowhere, cancel_).error().code, Code::corrupt);
  EXPECT_TRUE(client.get(url_of(hub_, bytes), {0, 100'000}, nowhere, cancel_));
}

// Else bytes of the beginning would stand in the middle, until a hash tells in the end.
TEST_F(HubTest, RefusesAnAnswerThatDoesNotBeginWhereItWasAsked) {
  const std::string bytes = bytes_of_pattern(100'000);
  Hub client = HubTest::client();
  ByteCount taken = 0;
  const auto count = [&](ByteView piece) -> Result<> {
    taken += piece.size();
    return {};
  };
  for (const char* range : {"", "bytes 0-99999/100000", "bytes 400-99999/100000"}) {
    hub_.set_script([&](const RequestHead&, const std::string&) -> std::optional<Response> {
      Response whole{*range == '\0' ? 200 : 206};
      if (*range != '\0') whole.fields.add("Content-Range", range);
      whole.body = bytes;
      return whole;
    });
    const auto got = client.get(url_of(hub_, bytes), {40'000, 100'000}, count, cancel_);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::corrupt);
    EXPECT_TRUE(got.error().message.contains("does not begin at byte 40000")) << got.error().message;
  }
  EXPECT_EQ(taken, 0U);
  EXPECT_EQ(hub_.gets(), 3U) << "trying again would not help";
}

TEST_F(HubTest, NamesNoSecretOfAUrl) {
  Hub client = HubTest::client();
  const auto got = client.get(url_of(hub_, "nothing"), {0, 7}, [](ByteView) { return Result<>(); }, cancel_);
  EXPECT_EQ(got.error().code, Code::not_found);
  EXPECT_FALSE(got.error().message.contains("secret")) << got.error().message;
}

TEST_F(HubTest, SendsAgainFromTheBeginning) {
  const std::string bytes = bytes_of_pattern(500'000);
  int puts = 0;
  hub_.set_script([&](const RequestHead&, const std::string&) {
    return ++puts < 3 ? std::optional(Response{503}) : std::nullopt;
  });
  Hub client = HubTest::client();
  const wire::PutOrder order{url_of(hub_, bytes), {{"content-length", "500000"}, {"if-none-match", "*"}}};
  std::int64_t counted = 0;
  const ReadAt read = [&](ByteCount offset, std::span<std::byte> out) -> Result<> {
    std::ranges::copy(as_bytes(bytes).subspan(offset, out.size()), out.begin());
    return {};
  };
  const auto put =
      client.put(order, bytes.size(), read, [&](std::int64_t more) { counted += more; }, cancel_);
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(puts, 3);
  EXPECT_EQ(counted, 500'000) << "what was sent twice counts once";
  std::string got;
  hub_.set_script(nullptr);
  EXPECT_EQ(*client.get_text(order.url, cancel_), bytes);
}

TEST_F(HubTest, ReadsSmallFilesOfOneBody) {
  const Digest one = hub_.add("first");
  const Digest two = hub_.add("with\na line");
  const Digest none = Hasher::of(Algorithm::sha1, as_bytes("absent"));
  Hub client = HubTest::client();
  const wire::GetSmall question{ZoneName::parse("default").value(), {one, none, two}};
  const auto files = client.get_small(question, cancel_);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->at(0).content, "first");
  EXPECT_EQ(files->at(1).content, std::nullopt);
  EXPECT_EQ(files->at(2).content, "with\na line");

  hub_.set_script([&](const RequestHead&, const std::string&) {
    return Response{200,
                    {{"Content-Type", "application/x-kachery-files"}},
                    wire::print(wire::SmallFile{one, 9}) + "\nfirst"};
  });
  EXPECT_EQ(client.get_small(question, cancel_).error().code, Code::unavailable) << "it ends too early";
}

}  // namespace
}  // namespace kachery::remote
