// Files that are fetched while the resource that was asked still uploads them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "client/session.h"
#include "os/random.h"
#include "remote/fake_hub.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkBytes = 1'000;
constexpr std::size_t kChunks = 20;

// A line, when so many chunks and pages have been fetched.
struct Line {
  std::size_t after_gets;
  wire::AskState state;
};

class Lines final : public Body {
 public:
  Lines(FakeHub& hub, std::vector<Line> lines) : hub_(hub), lines_(std::move(lines)) {}

  std::optional<ByteCount> size() const override { return std::nullopt; }
  Task<Result<ByteView>> next() override {
    using std::chrono::milliseconds;
    if (next_ == lines_.size()) co_return ByteView();
    const Line& line = lines_[next_++];
    const auto until = std::chrono::steady_clock::now() + milliseconds(5'000);
    while (hub_.gets() < line.after_gets && std::chrono::steady_clock::now() < until)
      co_await hub_.loop().sleep(milliseconds(2));
    if (hub_.gets() < line.after_gets) co_return fail(Code::timed_out, "nobody fetches what has come");
    text_ = wire::print(line.state) + "\n";
    co_return as_bytes(text_);
  }

 private:
  FakeHub& hub_;
  std::vector<Line> lines_;
  std::size_t next_ = 0;
  std::string text_;
};

// A resource uploads a file of 20 chunks. The zone has it once the last line was sent.
class ArrivingTest : public testing::Test {
 protected:
  ArrivingTest() {
    fs::create_directories(home_);
    digest_ = hub_.add(content_, kChunkBytes);
    std::vector<ChunkEntry> chunks;
    chunks.reserve(kChunks);
    for (std::size_t i = 0; i < kChunks; ++i) chunks.push_back({sha256_of(piece(i)), piece(i).size()});
    const ManifestTexts texts = make_manifest(digest_, chunks);
    manifest_ = sha256_of(texts.root.str());
    page_ = texts.pages.at(0).str();
    hub_.set_script([this](const RequestHead& head, const std::string& body) { return serve(head, body); });
  }
  ~ArrivingTest() override { fs::remove_all(home_); }

  std::string piece(std::size_t number) const { return content_.substr(number * kChunkBytes, kChunkBytes); }
  wire::ArrivedChunk chunk(std::uint64_t number) const {
    const std::string bytes = number == 0 ? page_ : piece(number - 1);
    const std::string name = sha256_of(bytes).hex();
    return {number, sha256_of(bytes), bytes.size(),
            hub_.url().str() + "/bucket/default/chunks/" + name + "?signature=secret"};
  }
  // That chunks [first, last) have come; number 0 is the page.
  Line arrival(std::uint64_t first, std::uint64_t last, std::size_t after_gets = 0) const {
    wire::AskState state{wire::kRunning, content_.size(), 1, {}, {}};
    state.arrivals = wire::Arrivals{manifest_, {}};
    for (std::uint64_t number = first; number < last; ++number)
      state.arrivals->chunks.push_back(chunk(number));
    return {after_gets, state};
  }
  Line completed(std::size_t after_gets = 0) const {
    return {after_gets, {wire::kCompleted, content_.size(), content_.size(), {}, {}}};
  }
  Result<Located> load() {
    Configuration configuration{home_ / "b", "test"};
    configuration.state_directory = home_ / "state";
    configuration.gateway_url = {hub_.url().str(), "test"};
    Session session(configuration);
    return session.locate(Uri{digest_, ""}.str(), {.asking = Asking{.resource = "lab"}}, progress_);
  }
  void expect_loaded(const Result<Located>& located) {
    ASSERT_TRUE(located) << located.error().message;
    std::string bytes(located->size, '\0');
    ASSERT_TRUE(read_exactly(*located->file, 0, std::as_writable_bytes(std::span(bytes))));
    EXPECT_EQ(bytes, content_);
    EXPECT_EQ(progress_.bytes_done, content_.size());
    EXPECT_EQ(progress_.bytes_total, content_.size());
    EXPECT_FALSE(fs::exists(partial())) << "nothing is left beside the object";
  }
  fs::path partial() const { return home_ / "b" / "partial" / digest_.hex(); }
  std::size_t chunk_questions() { return hub_.count("/v1/files/chunks"); }

  FakeHub hub_;
  fs::path home_ = fs::path(testing::TempDir()) / ("arriving_test_" + random_hex(8));
  std::string content_ = bytes_of_pattern(kChunks * kChunkBytes);
  Digest digest_ = sha256_of("");
  Digest manifest_ = sha256_of("");
  std::string page_;
  std::vector<Line> lines_;
  Progress progress_;
  std::function<std::optional<Response>(const std::string& path)> on_get_ = [](const std::string&) {
    return std::nullopt;
  };

 private:
  std::optional<Response> serve(const RequestHead& head, const std::string& body) {
    if (head.path.starts_with("/bucket")) return on_get_(head.path);
    if (head.path == "/v1/files/find" && !is_uploaded_)
      return FakeHub::json(wire::print(wire::FoundFiles{{std::nullopt}, 4'000'000'000'000}));
    if (head.path == "/v1/resources/list") {
      const auto question = wire::parse<wire::ListResources>(body);
      wire::ResourceList list;
      list.resources.push_back({*question->name, KeyPair::generate().node_id(),
                                UserName::parse("alice").value(), std::nullopt, false, true, 0});
      return FakeHub::json(wire::print(list));
    }
    if (head.path != "/v1/files/ask") return std::nullopt;
    EXPECT_TRUE(wire::parse<wire::AskFile>(body)->relay.value_or(false));
    is_uploaded_ = lines_.back().state.state == wire::kCompleted;
    return Response{200, {{"Content-Type", "application/x-ndjson"}}, std::make_unique<Lines>(hub_, lines_)};
  }

  bool is_uploaded_ = false;
};

TEST_F(ArrivingTest, WhatHasComeIsFetchedBeforeTheRestHas) {
  lines_ = {arrival(0, 1), arrival(1, 8, 1), arrival(8, kChunks + 1, 8), completed(kChunks + 1)};
  expect_loaded(load());
  EXPECT_EQ(hub_.gets(), kChunks + 1) << "everything once, and no manifest";
  EXPECT_EQ(chunk_questions(), 0U);
}

TEST_F(ArrivingTest, ChunksComeInAnyOrderAndMayBeToldOfAgain) {
  lines_ = {arrival(12, kChunks + 1), arrival(3, 12), arrival(0, 3), arrival(0, kChunks + 1),
            completed(kChunks + 1)};
  expect_loaded(load());
  EXPECT_EQ(hub_.gets(), kChunks + 1);
}

TEST_F(ArrivingTest, WhatWasNotToldOfIsFetchedInTheEnd) {
  lines_ = {arrival(0, 5), completed(5)};
  expect_loaded(load());
  EXPECT_EQ(hub_.gets(), kChunks + 1);
  EXPECT_EQ(chunk_questions(), 1U);
}

TEST_F(ArrivingTest, AChunkThatCannotBeHadYetIsFetchedInTheEnd) {
  const std::string name = chunk(4).sha256.hex();
  bool has_failed = false;
  on_get_ = [&](const std::string& path) -> std::optional<Response> {
    if (!path.contains(name) || std::exchange(has_failed, true)) return std::nullopt;
    return FakeHub::failure(404, Code::not_found, "not there any more");
  };
  lines_ = {arrival(0, kChunks + 1), completed(kChunks + 1)};
  expect_loaded(load());
  EXPECT_EQ(hub_.gets(), kChunks + 2);
}

TEST_F(ArrivingTest, AnUploadThatFailsLeavesWhatHasCome) {
  lines_ = {arrival(0, 5), {5, {wire::kError, content_.size(), 4, Code::exhausted, "no quota is left"}}};
  const auto failed = load();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::exhausted);
  EXPECT_TRUE(failed.error().message.contains("no quota is left")) << failed.error().message;
  EXPECT_EQ(progress_.bytes_done, 0U);
  EXPECT_TRUE(fs::exists(partial() / "data"));
  lines_ = {arrival(0, 1), completed(6)};
  expect_loaded(load());
  EXPECT_EQ(hub_.gets(), 5 + 1 + kChunks - 4) << "the four chunks are not fetched again";
}

TEST_F(ArrivingTest, AListThatIsNotOfTheManifestIsNotFollowed) {
  manifest_ = sha256_of("another");
  lines_ = {arrival(0, kChunks + 1), completed(1)};
  expect_loaded(load());
}

TEST_F(ArrivingTest, ChunksThatDoNotMakeTheFileAreNoObject) {
  hub_.change_blob(chunk(7).sha256, std::string(kChunkBytes, 'x'));
  lines_ = {arrival(0, kChunks + 1), completed(kChunks + 1)};
  const auto failed = load();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::corrupt) << failed.error().message;
  EXPECT_TRUE(failed.error().message.contains("what it sent has the hash")) << failed.error().message;
}

TEST_F(ArrivingTest, FetchingThatFailsEndsTheAskingToo) {
  on_get_ = [&](const std::string& path) -> std::optional<Response> {
    if (!path.contains(chunk(3).sha256.hex())) return std::nullopt;
    return FakeHub::failure(507, Code::exhausted, "no space");
  };
  lines_ = {arrival(0, kChunks + 1), completed(1'000'000)};  // It would go on.
  const auto failed = load();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::exhausted) << failed.error().message;
  EXPECT_FALSE(fs::exists(partial())) << "a full disk is not left full";
}

TEST_F(ArrivingTest, WhoeverLoadsCanStop) {
  on_get_ = [&](const std::string& path) -> std::optional<Response> {
    if (path.contains(chunk(3).sha256.hex())) progress_.cancel = true;
    return std::nullopt;
  };
  lines_ = {arrival(0, 5), completed(1'000'000)};
  EXPECT_EQ(load().error().code, Code::cancelled);
  progress_.cancel = false;
  on_get_ = [](const std::string&) { return std::nullopt; };
  lines_ = {arrival(0, kChunks + 1), completed(kChunks)};
  expect_loaded(load());
}

}  // namespace
}  // namespace kachery
