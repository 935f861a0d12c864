// A provider in channels: what is here is told and given where this node provides files, and nowhere else.
#include <future>

#include "provide/own_channels.h"
#include "provide/provider_fixture.h"

namespace kachery {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMiB = 1 << 20;

ChannelName channel(const std::string& name) {
  return ChannelName::parse(name).value();
}

wire::Channel member(const std::string& name, Roles granted, Roles wanted) {
  return {channel(name), UserName::parse("alice").value(), "", 0, false, granted, wanted, granted & wanted};
}

wire::Channel provided(const std::string& name) {
  return member(name, {Role::provide_files}, {Role::provide_files});
}

Roles roles_of(std::int64_t number) {
  return Roles::from_number(number).value();
}

class ChannelsTest : public FileProviderTest {
 protected:
  OwnChannelsParts own() {
    return {.loop = loop_, .session = session_, .zone = zone_, .say = [this](const auto& line) {
              lines_.push_back(line);
            }};
  }
  FileProviderParts parts_in(OwnChannels& channels) {
    FileProviderParts parts = this->parts();
    parts.channels = &channels;
    return parts;
  }

  // What the hub says from then on of this node's channels.
  void tell(std::vector<wire::Channel> channels) {
    answer_with(
        [channels = std::move(channels)] { return FakeHub::json(wire::print(wire::ChannelList{channels})); });
  }
  void answer_with(std::function<Response()> answer) {
    hub_.set_script([this, answer = std::move(answer)](const RequestHead& head,
                                                       const std::string& body) -> std::optional<Response> {
      if (head.path == "/v1/channels/list") return answer();
      for (const char* name : {"mice", "rats"})
        if (body.contains(R"("channel":")" + std::string(name) + '"')) sent_to_.insert(name);
      return std::nullopt;
    });
  }
  std::size_t questions() { return hub_.count("/v1/channels/list"); }

  std::shared_ptr<HeardCall> have(const Digest& digest, const std::vector<std::string>& names) {
    wire::Have message{zone_, digest, {}};
    for (const std::string& name : names) message.channels.push_back(channel(name));
    return std::make_shared<HeardCall>(loop_, wire::print(message));
  }
  std::shared_ptr<HeardCall> upload(const Digest& digest, const std::string& name) {
    return std::make_shared<HeardCall>(loop_,
                                       wire::print(wire::Upload{zone_, digest, channel(name), std::nullopt}));
  }

  std::set<std::string> sent_to_;  // Written by the hub, which has ended its answers when it is read.
};

Task<> answer(Task<Result<std::string>> call, std::vector<Result<std::string>>& answers) {
  answers.push_back(co_await call);
}

Task<> all(std::vector<Task<>> tasks) {
  for (Task<>& task : tasks) co_await task;
}

Task<> at_once(Loop& loop, std::vector<Task<>> tasks, std::function<bool()> is_done) {
  for (Task<>& task : tasks) loop.spawn(std::move(task));
  while (!is_done()) co_await loop.sleep(milliseconds(1));
}

std::optional<ByteCount> size_in(const Result<std::string>& answer) {
  return wire::parse<wire::Had>(answer.value())->size;
}

wire::AskState end_in(const Result<std::string>& answer) {
  return *wire::parse<wire::AskState>(answer.value());
}

// Each set of roles granted with each that is wanted.
TEST_F(ChannelsTest, SaysWhatIsHereOnlyWhereItsRoleIsGrantedAndWanted) {
  const Digest digest = store("what only some may know of");
  std::vector<wire::Channel> channels;
  for (std::int64_t granted = 0; granted <= Roles::all().number(); ++granted)
    for (std::int64_t wanted = 0; wanted <= Roles::all().number(); ++wanted)
      channels.push_back(member("c" + std::to_string(granted) + "-" + std::to_string(wanted),
                                roles_of(granted), roles_of(wanted)));
  tell(channels);
  OwnChannelsParts parts = own();
  parts.no_max = hours(1);
  OwnChannels known(std::move(parts));
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  for (const wire::Channel& one : channels)
    calls.push_back(answer(provider.have(have(digest, {one.name.str()})), answers));
  run(all(std::move(calls)));
  ASSERT_EQ(answers.size(), channels.size());
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const bool provides =
        channels[i].granted.has(Role::provide_files) && channels[i].wanted.has(Role::provide_files);
    EXPECT_EQ(size_in(answers[i]).has_value(), provides) << channels[i].name.str();
    if (provides) EXPECT_EQ(size_in(answers[i]), std::string("what only some may know of").size());
  }
  EXPECT_EQ(questions(), 1U);
}

TEST_F(ChannelsTest, SendsWhatIsHereOnlyWhereItsRoleIsGrantedAndWanted) {
  const Digest digest = store("what only some may have");
  const Roles provide{Role::provide_files};
  tell({member("neither", {}, {}), member("granted", provide, Roles::requesting()),
        member("wanted", Roles::requesting(), provide), member("mice", provide, provide)});
  OwnChannels known(own());
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  for (const char* name : {"neither", "granted", "wanted", "elsewhere"})
    calls.push_back(answer(provider.upload(upload(digest, name)), answers));
  calls.push_back(
      answer(provider.upload(upload(Hasher::of(Algorithm::sha1, as_bytes("absent")), "neither")), answers));
  calls.push_back(answer(provider.upload(upload(digest, "mice")), answers));
  run(all(std::move(calls)));
  ASSERT_EQ(answers.size(), 6U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(end_in(answers[i]).state, "error");
    EXPECT_EQ(end_in(answers[i]).code, Code::denied);
  }
  EXPECT_EQ(*answers[4], *answers[0]) << "whether the file is here cannot be told from the answer";
  EXPECT_EQ(end_in(answers[5]).state, "completed");
  EXPECT_EQ(hub_.content(digest), "what only some may have");
  EXPECT_EQ(sent_to_, std::set<std::string>{"mice"});
  EXPECT_EQ(lines_.front(), "Upload request: sha1://" + digest.hex() + " for the channel mice");
}

TEST_F(ChannelsTest, ServesNoOtherZone) {
  const Digest digest = store("mine");
  tell({provided("mice")});
  OwnChannels known(own());
  FileProvider provider(parts_in(known));
  const ZoneName other = ZoneName::parse("other").value();
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  calls.push_back(answer(provider.have(std::make_shared<HeardCall>(
                             loop_, wire::print(wire::Have{other, digest, {channel("mice")}}))),
                         answers));
  calls.push_back(answer(provider.upload(std::make_shared<HeardCall>(
                             loop_, wire::print(wire::Upload{other, digest, channel("mice"), std::nullopt}))),
                         answers));
  run(all(std::move(calls)));
  ASSERT_EQ(answers.size(), 2U);
  for (const Result<std::string>& one : answers) EXPECT_EQ(one.error().code, Code::denied);
  EXPECT_EQ(questions(), 0U);
  EXPECT_TRUE(lines_.empty());
}

TEST_F(ChannelsTest, ProvidesInNoneUnlessItIsMadeTo) {
  const Digest digest = store("of a resource");
  tell({provided("mice")});
  FileProvider provider(parts());
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  calls.push_back(answer(provider.have(have(digest, {"mice"})), answers));
  calls.push_back(answer(provider.upload(upload(digest, "mice")), answers));
  run(all(std::move(calls)));
  EXPECT_EQ(size_in(answers[0]), std::nullopt);
  EXPECT_EQ(end_in(answers[1]).code, Code::denied);
}

TEST_F(ChannelsTest, DoesNotClaimWhatItCouldNotSend) {
  const Digest absent = Hasher::of(Algorithm::sha1, as_bytes("absent"));
  const Digest changed = link("changed", bytes_of_pattern(1'000, 1));
  const Digest gone = link("gone", bytes_of_pattern(1'000, 2));
  write("changed", bytes_of_pattern(1'001, 1));
  std::filesystem::remove(home_ / "gone");
  tell({provided("mice")});
  OwnChannels known(own());
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  for (const Digest& digest : {absent, changed, gone})
    calls.push_back(answer(provider.have(have(digest, {"rats", "mice"})), answers));
  run(all(std::move(calls)));
  ASSERT_EQ(answers.size(), 3U);
  for (const Result<std::string>& one : answers) EXPECT_EQ(*one, R"({"size":null})");
  EXPECT_EQ(count_lines("Not provided: "), 2) << "what was linked, and has suffered";
  EXPECT_TRUE(std::ranges::all_of(lines_, [&](const auto& line) { return line.contains(home_.native()); }))
      << "its own log says which file it is";
}

// One upload behind the other: what the second channel needs is there then.
TEST_F(ChannelsTest, SendsAFileOnceForTwoChannels) {
  const Digest digest = store(bytes_of_pattern(20 * kMiB));
  tell({provided("mice"), provided("rats")});
  OwnChannels known(own());
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  for (const char* name : {"mice", "rats", "mice"})
    calls.push_back(answer(provider.upload(upload(digest, name)), answers));
  run(at_once(loop_, std::move(calls), [&] { return answers.size() == 3; }));
  for (const Result<std::string>& one : answers) EXPECT_EQ(end_in(one).state, "completed") << *one;
  std::vector<std::string> order;
  for (const std::string& line : lines_) {
    if (line.starts_with("Starting upload: ")) order.emplace_back("begins");
    if (line.starts_with("Uploaded: ")) order.emplace_back("ends");
  }
  EXPECT_EQ(order, (std::vector<std::string>{"begins", "ends", "begins", "ends"}));
  EXPECT_EQ(sent_to_, (std::set<std::string>{"mice", "rats"}));
  EXPECT_EQ(hub_.count("/put"), 4U) << "three chunks and the page of the manifest";
}

TEST_F(ChannelsTest, SaysClearlyThatAnAskerHasHadEnoughThroughWhateverChannel) {
  const Digest digest = store(bytes_of_pattern(60'000));
  tell({provided("mice"), provided("rats")});
  OwnChannels known(own());
  FileProviderParts parts = parts_in(known);
  parts.asker_bytes_max = 100'000;
  FileProvider provider(std::move(parts));
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  for (const char* name : {"mice", "rats"})
    calls.push_back(answer(provider.upload(upload(digest, name)), answers));
  run(all(std::move(calls)));
  EXPECT_EQ(end_in(answers[0]).state, "completed");
  EXPECT_EQ(end_in(answers[1]).code, Code::exhausted);
}

// The hub says something else before each question of it.
Task<> ask_after_each(FileProvider& provider, std::vector<std::function<void()>> changes,
                      std::function<std::shared_ptr<HeardCall>()> question,
                      std::vector<Result<std::string>>& answers) {
  for (const std::function<void()>& change : changes) {
    change();
    Task<Result<std::string>> call = provider.have(question());
    answers.push_back(co_await call);
  }
}

TEST_F(ChannelsTest, ARoleCountsAtOnceAndIsNotAskedForAgainSoon) {
  const Digest digest = store("granted meanwhile");
  OwnChannelsParts parts = own();
  parts.no_max = milliseconds(0);
  OwnChannels known(std::move(parts));
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  run(ask_after_each(
      provider, {[this] { tell({}); }, [this] { tell({provided("mice")}); }, [this] { tell({}); }},
      [&] { return have(digest, {"mice"}); }, answers));
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_FALSE(size_in(answers[0]));
  EXPECT_TRUE(size_in(answers[1]));
  EXPECT_TRUE(size_in(answers[2])) << "what was known counts for a while";
  EXPECT_EQ(questions(), 2U);
}

TEST_F(ChannelsTest, AWithdrawnRoleIsNoticedWhenTheTimeIsOver) {
  const Digest digest = store("withdrawn meanwhile");
  OwnChannelsParts parts = own();
  parts.yes_max = milliseconds(0);
  parts.no_max = milliseconds(0);
  OwnChannels known(std::move(parts));
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  run(ask_after_each(
      provider, {[this] { tell({provided("mice")}); }, [this] { tell({}); }},
      [&] { return have(digest, {"mice"}); }, answers));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_TRUE(size_in(answers[0]));
  EXPECT_FALSE(size_in(answers[1]));
}

TEST_F(ChannelsTest, AsksOnceForAllWhoAskAtOnce) {
  const Digest digest = store("asked for by many");
  tell({provided("mice")});
  OwnChannelsParts parts = own();
  parts.no_max = milliseconds(0);
  OwnChannels known(std::move(parts));
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  for (int i = 0; i < 16; ++i) calls.push_back(answer(provider.have(have(digest, {"mice"})), answers));
  run(at_once(loop_, std::move(calls), [&] { return answers.size() == 16; }));
  for (const Result<std::string>& one : answers) EXPECT_TRUE(size_in(one));
  EXPECT_EQ(questions(), 1U);
}

TEST_F(ChannelsTest, WhatIsKnownCountsWhileTheHubIsAway) {
  const Digest digest = store("here all the time");
  OwnChannels known(own());
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  const auto away = [this] {
    answer_with([] { return FakeHub::failure(403, Code::denied, "this key is none of ours"); });
  };
  run(ask_after_each(
      provider, {[this] { tell({provided("mice")}); }, away}, [&] { return have(digest, {"mice"}); },
      answers));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_TRUE(size_in(answers[1]));
  EXPECT_TRUE(lines_.empty());
}

// It is asked again and again; whoever wants to know does not wait for that.
TEST_F(ChannelsTest, SaysNothingAndWhyWhenTheHubStaysAway) {
  const Digest digest = store("here all the time");
  OwnChannelsParts parts = own();
  parts.yes_max = milliseconds(0);
  parts.no_max = milliseconds(0);
  OwnChannels known(std::move(parts));
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  const auto away = [this] {
    answer_with([] { return FakeHub::failure(503, Code::unavailable, "it is started again"); });
  };
  const auto refusing = [this] {
    answer_with([] { return FakeHub::failure(403, Code::denied, "this key is none of ours"); });
  };
  const auto begun = std::chrono::steady_clock::now();
  run(ask_after_each(
      provider, {[this] { tell({provided("mice")}); }, away, refusing},
      [&] { return have(digest, {"mice"}); }, answers));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(10));
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_TRUE(size_in(answers[0]));
  EXPECT_FALSE(size_in(answers[1]));
  EXPECT_FALSE(size_in(answers[2]));
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_TRUE(lines_[0].contains("did not answer within")) << lines_[0];
  EXPECT_TRUE(lines_[1].contains("this key is none of ours")) << lines_[1];
}

Task<> occupy(Loop& loop, std::shared_future<void> until) {
  const auto work = [until] { return until.wait_for(seconds(20)); };
  static_cast<void>(co_await loop.offload(work));
}

// The first one makes the roles known. Then the pool is busy until all that are too many have been answered.
Task<> ask_while_the_pool_is_busy(Loop& loop, Task<> first, std::vector<Task<>> calls,
                                  std::vector<Result<std::string>>& answers, std::size_t too_many) {
  co_await first;
  std::promise<void> busy;
  const std::shared_future<void> until = busy.get_future().share();
  for (std::size_t i = 0; i < kPoolThreads; ++i) loop.spawn(occupy(loop, until));
  const std::size_t count = answers.size() + calls.size();
  for (Task<>& call : calls) loop.spawn(std::move(call));
  while (answers.size() < 1 + too_many) co_await loop.sleep(milliseconds(1));
  busy.set_value();
  while (answers.size() < count) co_await loop.sleep(milliseconds(1));
}

// More than may look at a time, and wait: those are refused, and the others answered.
TEST_F(ChannelsTest, LooksForSoManyAtATimeAndLetsSoManyWait) {
  const Digest digest = store("asked for by very many");
  tell({provided("mice")});
  OwnChannels known(own());
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  std::vector<Task<>> calls;
  constexpr std::size_t kTooMany = 7;
  for (std::size_t i = 0; i < kLookUpsMax + kLookUpsWaitingMax + kTooMany; ++i)
    calls.push_back(answer(provider.have(have(digest, {"mice"})), answers));
  run(ask_while_the_pool_is_busy(loop_, answer(provider.have(have(digest, {"mice"})), answers),
                                 std::move(calls), answers, kTooMany));
  for (std::size_t i = 1; i <= kTooMany; ++i) EXPECT_EQ(answers[i].error().code, Code::exhausted);
  answers.erase(answers.begin() + 1, answers.begin() + 1 + kTooMany);
  for (const Result<std::string>& one : answers) EXPECT_TRUE(one && size_in(one));
}

TEST_F(ChannelsTest, DoesNotLookForWhatNobodyWantsToKnow) {
  const Digest digest = store("not wanted any more");
  tell({provided("mice")});
  OwnChannels known(own());
  FileProvider provider(parts_in(known));
  std::vector<Result<std::string>> answers;
  const auto call = have(digest, {"mice"});
  call->cancel();
  run(answer(provider.have(call), answers));
  EXPECT_EQ(answers.front().error().code, Code::cancelled);
}

}  // namespace
}  // namespace kachery
