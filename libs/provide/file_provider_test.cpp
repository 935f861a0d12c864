// A provider, and a hub that does as it is told: what is here is given, once, and nothing else.
#include "provide/provider_fixture.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMiB = 1 << 20;

Task<> answer(FileProvider& provider, std::shared_ptr<HeardCall> call, Result<std::string>& outcome) {
  outcome = co_await provider.upload(call);
}

TEST_F(FileProviderTest, SendsWhatIsHereAndSaysHowFarItIs) {
  const std::string bytes = bytes_of_pattern(20 * kMiB);
  const Digest digest = store(bytes);
  FileProvider provider(parts());
  const auto call = std::make_shared<HeardCall>(
      loop_, wire::print(wire::Upload{zone_, digest, std::nullopt, std::nullopt}));
  Result<std::string> outcome;
  run(answer(provider, call, outcome));
  ASSERT_TRUE(outcome) << outcome.error().message;
  const auto end = *wire::parse<wire::AskState>(*outcome);
  EXPECT_EQ(end.state, "completed");
  EXPECT_EQ(end.size, bytes.size());
  EXPECT_EQ(end.bytes_uploaded, bytes.size());
  EXPECT_TRUE(hub_.content(digest) == bytes);
  ASSERT_FALSE(call->heard.empty());
  EXPECT_EQ(call->heard.front().state, "queued");
  ByteCount before = 0;
  for (const wire::AskState& state : call->heard) {
    const ByteCount now = state.bytes_uploaded.value_or(0);
    EXPECT_TRUE(before <= now && now <= bytes.size()) << before << " " << now;
    before = now;
  }
  EXPECT_EQ(lines_.front(), "Upload request: sha1://" + digest.hex());
  EXPECT_EQ(lines_[1], "Starting upload: sha1://" + digest.hex());
}

TEST_F(FileProviderTest, ServesItsOwnZoneOnly) {
  FileProvider provider(parts());
  const Digest digest = store("mine");
  const wire::Upload other{ZoneName::parse("other").value(), digest, std::nullopt, std::nullopt};
  Result<std::string> outcome;
  run(answer(provider, std::make_shared<HeardCall>(loop_, wire::print(other)), outcome));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::denied);
  EXPECT_FALSE(hub_.content(digest));
  EXPECT_TRUE(lines_.empty());
}

Task<> in_turn(Task<> one, Task<> two, Task<> three) {
  co_await one;
  co_await two;
  co_await three;
}

// Whatever was linked under the name; and no path leaves this machine.
TEST_F(FileProviderTest, RefusesAChangedFileWithTheReasonAndSendsNothing) {
  const Digest rewritten = link("rewritten", bytes_of_pattern(100'000, 1));
  const Digest longer = link("longer", bytes_of_pattern(100'000, 2));
  const Digest gone = link("gone", bytes_of_pattern(100'000, 3));
  write("rewritten", bytes_of_pattern(100'000, 4));
  write("longer", bytes_of_pattern(100'001, 2));
  fs::remove(home_ / "gone");
  FileProvider provider(parts());
  std::vector<wire::AskState> ends;
  run(in_turn(finish(provider, rewritten, ends), finish(provider, longer, ends),
              finish(provider, gone, ends)));
  ASSERT_EQ(ends.size(), 3U);
  for (const wire::AskState& end : ends) {
    EXPECT_EQ(end.state, "error");
    EXPECT_EQ(end.code, Code::corrupt);
    EXPECT_TRUE(end.message->contains("changed")) << *end.message;
    EXPECT_FALSE(end.message->contains(home_.native())) << *end.message;
  }
  for (const Digest& digest : {rewritten, longer, gone}) EXPECT_FALSE(hub_.content(digest));
  EXPECT_EQ(hub_.count("/v1/files/put") + hub_.count("/put"), 0U);
  EXPECT_TRUE(std::ranges::any_of(lines_, [&](const auto& line) { return line.contains(home_.native()); }))
      << "its own log says which file it is";
}

// At the end the uploads that nothing comes of are stopped.
Task<> ask_beside_a_jam(Loop& loop, FileProvider& provider, Task<> absent, Task<> until_jammed, Task<> one,
                        Task<> two, const std::vector<wire::AskState>& jammed) {
  loop.spawn(std::move(one));
  loop.spawn(std::move(two));
  co_await until_jammed;
  co_await absent;
  EXPECT_TRUE(jammed.empty());
  co_await provider.stop(seconds(10));
}

TEST_F(FileProviderTest, SaysAtOnceWhatItDoesNotHave) {
  const Digest one = store("one");
  const Digest two = store("two");
  const Digest absent = Hasher::of(Algorithm::sha1, as_bytes("absent"));
  jam();
  FileProvider provider(parts());
  std::vector<wire::AskState> ends;
  std::vector<wire::AskState> jammed;
  run(ask_beside_a_jam(loop_, provider, finish(provider, absent, ends),
                       until([this] { return count_lines("Starting upload: ") == 2; }),
                       finish(provider, one, jammed), finish(provider, two, jammed), jammed));
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends.front().state, "not_found");
}

Task<> spawn_all(Loop& loop, std::vector<Task<>> tasks, Task<> until_done) {
  for (Task<>& task : tasks) loop.spawn(std::move(task));
  co_await until_done;
}

TEST_F(FileProviderTest, SendsAFileOnceForAllWhoAsk) {
  const Digest digest = store(bytes_of_pattern(20 * kMiB));
  FileProvider provider(parts());
  std::vector<wire::AskState> ends;
  std::vector<Task<>> askers;
  for (int i = 0; i < 16; ++i) askers.push_back(finish(provider, digest, ends));
  run(spawn_all(loop_, std::move(askers), until([&] { return ends.size() == 16; })));
  for (const wire::AskState& end : ends) EXPECT_EQ(end.state, "completed");
  EXPECT_EQ(count_lines("Starting upload: "), 1);
  EXPECT_EQ(hub_.count("/put"), 4U) << "three chunks and the page of the manifest";
}

TEST_F(FileProviderTest, GivesEachFileATurnAndNoMoreAtATimeThanItMay) {
  std::vector<std::string> expected;
  FileProvider provider(parts());
  std::vector<wire::AskState> ends;
  std::vector<Task<>> askers;
  for (unsigned i = 0; i < 8; ++i) {
    const Digest digest = store(bytes_of_pattern(2 * kMiB, i));
    expected.push_back("Starting upload: sha1://" + digest.hex());
    askers.push_back(finish(provider, digest, ends));
  }
  run(spawn_all(loop_, std::move(askers), until([&] { return ends.size() == 8; })));
  std::vector<std::string> started;
  int running = 0;
  for (const std::string& line : lines_) {
    if (line.starts_with("Starting upload: ")) {
      started.push_back(line);
      ++running;
    }
    if (line.starts_with("Uploaded: ")) --running;
    EXPECT_LE(running, 2);
  }
  EXPECT_EQ(running, 0);
  std::ranges::sort(started);
  std::ranges::sort(expected);
  EXPECT_EQ(started, expected);
}

Task<> lose_interest(FileProvider& provider, Loop& loop, Digest digest,
                     std::function<std::ptrdiff_t()> started, std::function<std::ptrdiff_t()> stopped) {
  Signal one_changed(loop);
  Signal two_changed(loop);
  auto one = provider.ask({digest}, std::nullopt, one_changed);
  auto two = provider.ask({digest}, std::nullopt, two_changed);
  while (started() < 1) co_await loop.sleep(milliseconds(1));
  one.reset();
  co_await loop.sleep(milliseconds(300));
  EXPECT_EQ(two->state().state, "running") << "somebody still wants it";
  two.reset();
  while (stopped() < 1) co_await loop.sleep(milliseconds(1));
  co_await provider.stop(seconds(10));
}

TEST_F(FileProviderTest, StopsWhenNobodyWantsItAnyMore) {
  const Digest digest = store(bytes_of_pattern(20 * kMiB));
  jam();
  FileProvider provider(parts());
  run(lose_interest(
      provider, loop_, digest, [this] { return count_lines("Starting upload: "); },
      [this] { return count_lines("Upload stopped"); }));
  EXPECT_FALSE(hub_.content(digest));
}

Task<> ask_again(FileProvider& provider, Loop& loop, Digest digest, std::function<void()> unjam,
                 std::function<std::ptrdiff_t()> started, Task<> again) {
  Signal changed(loop);
  auto interest = provider.ask({digest}, std::nullopt, changed);
  while (started() < 1) co_await loop.sleep(milliseconds(1));
  interest.reset();
  unjam();
  co_await again;
}

TEST_F(FileProviderTest, SendsWhatIsWantedAgain) {
  const std::string bytes = bytes_of_pattern(20 * kMiB);
  const Digest digest = store(bytes);
  jam();
  FileProvider provider(parts());
  std::vector<wire::AskState> ends;
  run(ask_again(
      provider, loop_, digest, [this] { unjam(); }, [this] { return count_lines("Starting upload: "); },
      finish(provider, digest, ends)));
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends.front().state, "completed") << ends.front().message.value_or("");
  EXPECT_TRUE(hub_.content(digest) == bytes);
}

Task<> one_behind_the_other(Task<> one, Task<> two) {
  co_await one;
  co_await two;
}

TEST_F(FileProviderTest, SaysClearlyThatAnAskerHasHadEnough) {
  const Digest one = store(bytes_of_pattern(60'000, 1));
  const Digest two = store(bytes_of_pattern(60'000, 2));
  FileProviderParts parts = this->parts();
  parts.asker_bytes_max = 100'000;
  FileProvider provider(std::move(parts));
  std::vector<wire::AskState> ends;
  run(one_behind_the_other(finish(provider, one, ends), finish(provider, two, ends)));
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[0].state, "completed");
  EXPECT_EQ(ends[1].state, "error");
  EXPECT_EQ(ends[1].code, Code::exhausted);
  EXPECT_TRUE(ends[1].message->contains("100000 bytes a day")) << *ends[1].message;
  EXPECT_FALSE(hub_.content(two));
}

}  // namespace
}  // namespace kachery
