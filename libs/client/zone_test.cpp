// Two machines and a hub: what comes from a zone is right or has no name, and nothing is fetched twice.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "client/session.h"
#include "os/random.h"
#include "remote/fake_hub.h"
#include "store/layout.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMiB = 1 << 20;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ZoneTest : public testing::Test {
 protected:
  ZoneTest() { fs::create_directories(home_); }
  ~ZoneTest() override { fs::remove_all(home_); }

  Session machine(const std::string& name) {
    Configuration configuration{home_ / name, "test"};
    configuration.state_directory = home_ / "state";
    configuration.gateway_url = {hub_.url().str(), "test"};
    return Session(configuration);
  }
  fs::path write(const std::string& name, const std::string& bytes) {
    std::ofstream(home_ / name, std::ios::binary) << bytes;
    return home_ / name;
  }
  static std::string uri(const Digest& digest) { return Uri{digest, ""}.str(); }

  FakeHub hub_;
  fs::path home_ = fs::path(testing::TempDir()) / ("zone_test_" + random_hex(8));
  Progress progress_;
};

TEST_F(ZoneTest, WhatIsFetchedIsAsIfItHadAlwaysBeenHere) {
  Session session = machine("b");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kMiB - 1, kMiB, kMiB + 1, 3 * kMiB}) {
    const std::string bytes = bytes_of_pattern(size);
    const Digest digest = hub_.add(bytes);
    Progress progress;
    const auto located = session.locate(uri(digest), {}, progress);
    ASSERT_TRUE(located) << size << ": " << located.error().message;
    EXPECT_EQ(located->kind, "object");
    EXPECT_EQ(content_of(located->path), bytes);
    EXPECT_EQ(fs::status(located->path).permissions() & fs::perms::owner_write, fs::perms::none);
    EXPECT_EQ(progress.bytes_done, size);
    EXPECT_EQ(progress.bytes_total, size);
    const std::size_t asked = hub_.count("/v1/files/find");
    EXPECT_TRUE(session.locate(uri(digest), {}, progress));
    EXPECT_EQ(hub_.count("/v1/files/find"), asked) << "a hit asks nobody";
  }
  EXPECT_TRUE(fs::is_empty(home_ / "b/partial"));
  std::size_t fetched = 0;
  const auto count = [&](const ObjectEntry& object) -> Result<> {
    fetched += object.origin == Origin::fetched ? 1 : 0;
    return {};
  };
  ASSERT_TRUE((*session.writing_store())
                  ->housekeeping()
                  .list(count, [](const LinkRecord&) { return Result<>(); }, progress_));
  EXPECT_EQ(fetched, 6U);
}

TEST_F(ZoneTest, AFileOfManyChunksIsPutTogether) {
  Session session = machine("b");
  for (const std::size_t size : {16 * kMiB + 1, 5 * kMiB, 5 * kMiB + 1}) {
    const std::string bytes = bytes_of_pattern(size, 7);
    const Digest digest = hub_.add(bytes, kMiB);
    Progress progress;
    const auto located = session.locate(uri(digest), {}, progress);
    ASSERT_TRUE(located) << located.error().message;
    EXPECT_EQ(content_of(located->path), bytes);
    EXPECT_EQ(progress.bytes_done, size);
  }
}

TEST_F(ZoneTest, AMissSaysEverywhereItLooked) {
  Session session = machine("b");
  const Digest digest = Hasher::of(Algorithm::sha1, as_bytes("nowhere"));
  const auto missing = session.locate(uri(digest), {}, progress_);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_TRUE(missing.error().message.contains((home_ / "b").native())) << missing.error().message;
  EXPECT_TRUE(missing.error().message.contains("zone default of " + hub_.url().str()))
      << missing.error().message;

  const std::size_t asked = hub_.count("/v1/files/find");
  EXPECT_EQ(session.locate(uri(digest), {.local_only = true}, progress_).error().code, Code::not_found);
  EXPECT_EQ(hub_.count("/v1/files/find"), asked);

  Configuration configuration{home_ / "b", "test"};
  configuration.gateway_url = {"http://127.0.0.1:1", "test"};
  Session alone(configuration);
  const auto unreachable = alone.locate(uri(digest), {}, progress_);
  EXPECT_EQ(unreachable.error().code, Code::unavailable);
  EXPECT_TRUE(unreachable.error().message.contains((home_ / "b").native())) << unreachable.error().message;
}

// A fetch that stops after half of its chunks is gone on with by another process.
TEST_F(ZoneTest, AnInterruptedFetchGoesOnWhereItWas) {
  const std::string bytes = bytes_of_pattern(20 * kMiB);
  const Digest digest = hub_.add(bytes, kMiB);
  std::size_t served = 0;
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    if (!head.path.starts_with("/bucket") || ++served <= 12) return std::nullopt;
    return FakeHub::failure(404, Code::not_found, "not now");
  });
  EXPECT_EQ(machine("b").locate(uri(digest), {}, progress_).error().code, Code::not_found);
  EXPECT_FALSE(fs::exists(home_ / "b" / object_path(digest)));
  hub_.set_script(nullptr);
  const std::size_t before = hub_.gets();
  Progress progress;
  const auto located = machine("b").locate(uri(digest), {}, progress);
  ASSERT_TRUE(located) << located.error().message;
  EXPECT_EQ(content_of(located->path), bytes);
  // The manifest, its page, and the 10 chunks that were not there yet.
  EXPECT_LE(hub_.gets() - before, 12U);
  EXPECT_EQ(progress.bytes_done, bytes.size());
}

TEST_F(ZoneTest, AFileOfOneChunkGoesOnInItsMiddle) {
  const std::string bytes = bytes_of_pattern(8 * kMiB);
  const Digest digest = hub_.add(bytes);
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    if (!head.path.starts_with("/bucket")) return std::nullopt;
    progress_.cancel = true;
    Response slow{200};
    slow.body = std::make_unique<CutBody>(bytes, 5 * kMiB);
    return slow;
  });
  EXPECT_EQ(machine("b").locate(uri(digest), {}, progress_).error().code, Code::cancelled);
  // What came is in the folder; now as much as a killed process may have left there.
  const fs::path data = home_ / "b/partial" / digest.hex() / "data";
  ASSERT_TRUE(fs::exists(data));
  std::ofstream(data, std::ios::binary) << bytes.substr(0, 5 * kMiB);
  std::string range;
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    if (const std::string* asked = head.fields.find("range")) range = *asked;
    return std::nullopt;
  });
  Progress progress;
  const auto located = machine("b").locate(uri(digest), {}, progress);
  ASSERT_TRUE(located) << located.error().message;
  EXPECT_EQ(content_of(located->path), bytes);
  EXPECT_EQ(range, "bytes=" + std::to_string(5 * kMiB) + "-");
}

TEST_F(ZoneTest, WhatAPartialHoldsIsNotBelieved) {
  const std::string bytes = bytes_of_pattern(4 * kMiB);
  const Digest digest = hub_.add(bytes);
  const Digest many = hub_.add(bytes + "x", kMiB);
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    if (!head.path.starts_with("/bucket") || hub_.url().prefix != "") return std::nullopt;
    if (head.path.ends_with(sha256_of(bytes.substr(3 * kMiB) + "").hex()) ||
        head.path.ends_with(sha256_of(bytes).hex()))
      return FakeHub::failure(404, Code::not_found, "not now");
    return std::nullopt;
  });
  EXPECT_FALSE(machine("b").locate(uri(digest), {}, progress_));
  EXPECT_FALSE(machine("b").locate(uri(many), {}, progress_));
  hub_.set_script(nullptr);
  // A crash left zeros in both.
  for (const Digest& one : {digest, many}) {
    const fs::path data = home_ / "b/partial" / one.hex() / "data";
    std::ofstream(data, std::ios::binary | std::ios::in) << std::string(2 * kMiB, '\0');
    const auto located = machine("b").locate(uri(one), {}, progress_);
    ASSERT_TRUE(located) << located.error().message;
  }
  EXPECT_EQ(content_of(home_ / "b" / object_path(digest)), bytes);
  EXPECT_EQ(content_of(home_ / "b" / object_path(many)), bytes + "x");
}

TEST_F(ZoneTest, AWrongChunkIsFetchedOnceMoreAndThenNamed) {
  const std::string bytes = bytes_of_pattern(6 * kMiB);
  const Digest digest = hub_.add(bytes, kMiB);
  std::string wrong = bytes.substr(2 * kMiB, kMiB);
  wrong[1000] = static_cast<char>(wrong[1000] ^ 4);
  const std::string right = bytes.substr(2 * kMiB, kMiB);
  int served = 0;
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    if (!head.path.ends_with(sha256_of(right).hex()) || ++served > 1) return std::nullopt;
    return Response{200, {}, wrong};
  });
  const auto mended = machine("b").locate(uri(digest), {}, progress_);
  ASSERT_TRUE(mended) << mended.error().message;
  EXPECT_EQ(content_of(mended->path), bytes);
  EXPECT_EQ(served, 2);

  hub_.set_script(nullptr);
  hub_.change_blob(sha256_of(right), wrong);
  const auto corrupt = machine("c").locate(uri(digest), {}, progress_);
  ASSERT_FALSE(corrupt);
  EXPECT_EQ(corrupt.error().code, Code::corrupt);
  EXPECT_TRUE(corrupt.error().message.contains(hub_.url().str())) << corrupt.error().message;
  EXPECT_TRUE(corrupt.error().message.contains("the hub has checked")) << corrupt.error().message;
  EXPECT_FALSE(fs::exists(home_ / "c" / object_path(digest)));
}

TEST_F(ZoneTest, WrongBytesOfAnyKindNeverGetAName) {
  for (const std::size_t size : {std::size_t{1000}, 2 * kMiB}) {
    const std::string bytes = bytes_of_pattern(size, 3);
    const Digest digest = hub_.add(bytes);
    std::string flipped = bytes;
    flipped[size / 2] = static_cast<char>(flipped[size / 2] ^ 1);
    for (const std::string& sent :
         {flipped, bytes.substr(1), bytes + "x", std::string("<html>"), std::string()}) {
      hub_.change_blob(sha256_of(bytes), sent);
      const auto located = machine("b").locate(uri(digest), {}, progress_);
      ASSERT_FALSE(located);
      EXPECT_EQ(located.error().code, Code::corrupt) << located.error().message;
      EXPECT_FALSE(fs::exists(home_ / "b" / object_path(digest)));
    }
    hub_.change_blob(sha256_of(bytes), bytes);
    EXPECT_TRUE(machine("b").locate(uri(digest), {}, progress_));
  }
}

// The zone has two manifests for a digest; somebody has lied about the first.
TEST_F(ZoneTest, AFalseManifestBlocksNothing) {
  const std::string bytes = bytes_of_pattern(3 * kMiB);
  const Digest digest = hub_.add(bytes, kMiB);
  const std::string other = bytes_of_pattern(3 * kMiB, 9);
  hub_.add(other, kMiB);
  std::vector<ChunkEntry> chunks;
  for (std::size_t i = 0; i < 3; ++i) chunks.push_back({sha256_of(other.substr(i * kMiB, kMiB)), kMiB});
  const ManifestTexts lie = make_manifest(digest, chunks);
  hub_.change_blob(sha256_of(lie.root.str()), lie.root.str());
  hub_.change_blob(sha256_of(lie.pages.front().str()), lie.pages.front().str());
  bool only_the_lie = false;
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    if (head.path != "/v1/files/find") return std::nullopt;
    const auto offer = [&](const std::string& text, const std::string& by) {
      const std::string name = sha256_of(text).hex();
      return wire::ManifestOffer{name, hub_.url().str() + "/bucket/default/manifests/" + name, by};
    };
    std::vector<ChunkEntry> true_chunks;
    for (std::size_t i = 0; i < 3; ++i)
      true_chunks.push_back({sha256_of(bytes.substr(i * kMiB, kMiB)), kMiB});
    wire::FoundFile file{digest, 3 * kMiB, {}, {}, {offer(lie.root.str(), std::string(64, 'a'))}};
    if (!only_the_lie)
      file.manifests.push_back(offer(make_manifest(digest, true_chunks).root.str(), std::string(64, 'b')));
    return FakeHub::json(wire::print(wire::FoundFiles{{file}, 4'000'000'000'000}));
  });
  only_the_lie = true;
  const auto fooled = machine("b").locate(uri(digest), {}, progress_);
  EXPECT_EQ(fooled.error().code, Code::corrupt);
  EXPECT_TRUE(fooled.error().message.contains(std::string(64, 'a'))) << fooled.error().message;
  only_the_lie = false;
  Progress progress;
  const auto located = machine("b").locate(uri(digest), {}, progress);
  ASSERT_TRUE(located) << located.error().message;
  EXPECT_EQ(content_of(located->path), bytes);
  EXPECT_EQ(progress.bytes_done, bytes.size());
}

TEST_F(ZoneTest, AnExpiredUrlIsReplaced) {
  const std::string bytes = bytes_of_pattern(3 * kMiB);
  const Digest single = hub_.add(bytes);
  const Digest many = hub_.add(bytes + "y", kMiB);
  std::map<std::string, int> asked;
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    const bool is_manifest = head.path.starts_with("/bucket") && asked.empty() && false;
    if (!head.path.starts_with("/bucket") || is_manifest || head.method != Method::get) return std::nullopt;
    const std::string name = head.path.substr(head.path.rfind('/') + 1);
    const bool is_chunk = name == sha256_of(bytes).hex() || name == sha256_of(bytes.substr(0, kMiB)).hex();
    if (!is_chunk || ++asked[name] > 1) return std::nullopt;
    return FakeHub::failure(403, Code::denied, "the URL has expired");
  });
  for (const Digest& digest : {single, many}) {
    const auto located = machine("b").locate(uri(digest), {}, progress_);
    ASSERT_TRUE(located) << located.error().message;
  }
  EXPECT_EQ(asked.size(), 2U);
}

// --- Sending

TEST_F(ZoneTest, WhatOneMachineSendsAnotherLoads) {
  Session one = machine("a");
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, kMiB - 1, kMiB, kMiB + 1, 16 * kMiB, 16 * kMiB + 1, 40 * kMiB}) {
    const std::string bytes = bytes_of_pattern(size, 5);
    const fs::path path = write("file", bytes);
    Progress progress;
    const auto sent = one.upload_files({&path, 1}, Algorithm::sha1, {}, progress);
    ASSERT_TRUE(sent) << size << ": " << sent.error().message;
    EXPECT_EQ(sent->front().digest, Hasher::of(Algorithm::sha1, as_bytes(bytes)));
    EXPECT_TRUE(hub_.content(sent->front().digest) == bytes) << size;
    EXPECT_EQ(progress.bytes_done, size);
    EXPECT_EQ(progress.bytes_total, size);
    const auto located = machine("b").locate(uri(sent->front().digest), {}, progress_);
    ASSERT_TRUE(located) << located.error().message;
    EXPECT_TRUE(content_of(located->path) == bytes);

    const std::size_t puts = hub_.count("/put") + hub_.count("/v1/files/put");
    Progress again;
    ASSERT_TRUE(one.upload_files({&path, 1}, Algorithm::sha1, {}, again));
    EXPECT_EQ(hub_.count("/put") + hub_.count("/v1/files/put"), puts) << "what is there is not sent again";
    EXPECT_EQ(again.bytes_done, size);
  }
  EXPECT_FALSE(fs::exists(home_ / "a/sha1")) << "nothing is kept here";
}

TEST_F(ZoneTest, WhatIsStoredOrLinkedHereCanBeSent) {
  Session session = machine("a");
  const fs::path stored = write("stored", "stored here");
  const fs::path linked = write("linked", bytes_of_pattern(2 * kMiB));
  const Digest first = session.store_many({&stored, 1}, Algorithm::sha1, progress_)->front().digest;
  const Digest second =
      (*session.writing_store())->link_files({&linked, 1}, Algorithm::sha1, progress_)->front().digest;
  const std::vector<Digest> both{first, second};
  const auto sent = session.upload(both, {}, progress_);
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(hub_.content(first), "stored here");
  EXPECT_TRUE(hub_.content(second) == bytes_of_pattern(2 * kMiB));
  EXPECT_TRUE(session.find_missing(both, {}, progress_)->empty());
  EXPECT_EQ(session.file_info(second, {}, progress_)->size, 2 * kMiB);
}

TEST_F(ZoneTest, OneFileThatCannotBeSentDoesNotKeepTheOthers) {
  Session session = machine("a");
  const fs::path good = write("good", "good");
  const fs::path linked = write("linked", bytes_of_pattern(2 * kMiB));
  const Digest first = session.store_many({&good, 1}, Algorithm::sha1, progress_)->front().digest;
  const Digest second =
      (*session.writing_store())->link_files({&linked, 1}, Algorithm::sha1, progress_)->front().digest;
  const Digest third = Hasher::of(Algorithm::sha1, as_bytes("absent"));
  write("linked", bytes_of_pattern(2 * kMiB, 8));
  const std::vector<Digest> all{third, second, first};
  const auto sent = session.upload(all, {}, progress_);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::not_found);
  EXPECT_TRUE(sent.error().message.contains("2 of 3")) << sent.error().message;
  EXPECT_EQ(hub_.content(first), "good");
  EXPECT_FALSE(hub_.content(second));
  const auto reason = session.upload({&second, 1}, {}, progress_);
  EXPECT_TRUE(reason.error().message.contains("has changed")) << reason.error().message;
}

TEST_F(ZoneTest, AFileThatChangesWhileItIsSentIsRefused) {
  Session session = machine("a");
  const fs::path path = write("file", bytes_of_pattern(3 * kMiB));
  hub_.set_script([&](const RequestHead& head, const std::string&) -> std::optional<Response> {
    if (head.path == "/v1/uploads/begin") write("file", bytes_of_pattern(3 * kMiB, 2));
    return std::nullopt;
  });
  const auto sent = session.upload_files({&path, 1}, Algorithm::sha1, {}, progress_);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::corrupt);
  EXPECT_TRUE(sent.error().message.contains("changed")) << sent.error().message;
  EXPECT_EQ(hub_.count("/v1/uploads/abandon"), 1U);
}

TEST_F(ZoneTest, ManySmallFilesGoInFewRequests) {
  Session one = machine("a");
  std::vector<fs::path> paths;
  std::vector<Digest> digests;
  for (int i = 0; i < 2'100; ++i) {
    const std::string bytes = "file number " + std::to_string(i);
    paths.push_back(write("file-" + std::to_string(i), bytes));
    digests.push_back(Hasher::of(Algorithm::sha1, as_bytes(bytes)));
  }
  const auto sent = one.upload_files(paths, Algorithm::sha1, {}, progress_);
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(hub_.count("/v1/files/put"), 2U);
  Session other = machine("b");
  Progress progress;
  const auto fetched = other.fetch_many(digests, {}, progress);
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(hub_.count("/v1/files/get"), 2U);
  EXPECT_EQ(progress.bytes_done, progress.bytes_total);
  for (const std::size_t i : {0U, 500U, 2'099U})
    EXPECT_EQ(content_of((*fetched)[i]), "file number " + std::to_string(i));
  const std::size_t asked = hub_.count("/v1/files/find");
  EXPECT_TRUE(other.fetch_many(digests, {}, progress));
  EXPECT_EQ(hub_.count("/v1/files/find"), asked);
}

TEST_F(ZoneTest, OfManyOnlyWhatIsNotHereAndWholeIsFetched) {
  Session session = machine("b");
  const fs::path linked = write("linked", "linked here");
  const Digest link =
      (*session.writing_store())->link_files({&linked, 1}, Algorithm::sha1, progress_)->front().digest;
  const fs::path stored = write("stored", "stored here");
  const Digest object = session.store_many({&stored, 1}, Algorithm::sha1, progress_)->front().digest;
  const fs::path place = home_ / "b" / object_path(object);
  fs::permissions(place, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(place, std::ios::binary) << "stored hex!";
  fs::last_write_time(place, fs::file_time_type::clock::now() - std::chrono::hours(1));
  ASSERT_EQ(hub_.add("stored here"), object);
  const Digest absent = hub_.add("only there");

  const std::vector<Digest> wanted{absent, link, object, absent};
  const auto paths = session.fetch_many(wanted, {}, progress_);
  ASSERT_TRUE(paths) << paths.error().message;
  const std::vector<std::string> contents{"only there", "linked here", "stored here", "only there"};
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(content_of((*paths)[i]), contents[i]);
  EXPECT_EQ((*paths)[1], linked) << "what a link has is not fetched";
}

TEST_F(ZoneTest, OnlyWhatIsNewAmongManyIsSent) {
  Session one = machine("a");
  std::vector<fs::path> paths;
  for (int i = 0; i < 2'100; ++i)
    paths.push_back(write("file-" + std::to_string(i), "file number " + std::to_string(i)));
  ASSERT_TRUE(one.upload_files(paths, Algorithm::sha1, {}, progress_));
  const std::size_t puts = hub_.count("/v1/files/put");
  paths.insert(paths.begin() + 500, write("new", "one that is new"));
  const auto again = one.upload_files(paths, Algorithm::sha1, {}, progress_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(hub_.count("/v1/files/put"), puts + 1);
  EXPECT_EQ(hub_.count("/v1/uploads/present"), 2U) << "one question for each time";
  EXPECT_EQ(hub_.count("/v1/files/find"), 0U) << "nobody needs the URLs";
  const auto found = one.find_in_zone({&(*again)[500].digest, 1}, {}, progress_);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->front());
}

}  // namespace
}  // namespace kachery
