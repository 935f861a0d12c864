#include "store/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "os/random.h"
#include "store/store_fixture.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

// A store on the disk, beside a folder for the user's files.
class StoreTest : public testing::Test {
 protected:
  StoreTest() : home_(fs::path(testing::TempDir()) / ("store_test_" + random_hex(8))) {
    fs::create_directories(home_ / "files");
    root_ = *open_directory(home_ / "store", Missing::create);
    cache_ = HashCache::open(home_ / "store/index.db");
  }
  ~StoreTest() override { fs::remove_all(home_); }

  Store open_store(std::size_t threads = 2) {
    return Store(StoreParts{*root_, cache_.get(), nullptr, system_clock(), threads});
  }

  // Written "long ago", so that its hash may be remembered.
  fs::path write(const std::string& name, const std::string& bytes) const {
    const fs::path path = home_ / "files" / name;
    std::ofstream(path, std::ios::binary) << bytes;
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
    return path;
  }

  Result<std::vector<Stored>> put_files(Store& store, const std::vector<fs::path>& paths) {
    return store.put_files(paths, Algorithm::sha1, progress_);
  }
  Result<std::vector<Stored>> link(Store& store, const fs::path& path) {
    return store.link_files({&path, 1}, Algorithm::sha1, progress_);
  }

  fs::path home_;
  std::unique_ptr<Directory> root_;
  std::unique_ptr<HashCache> cache_;
  Progress progress_;
};

TEST_F(StoreTest, GivesBackWhatWasPutInAllSizes) {
  Store store = open_store();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kPieceBytes - 1, kPieceBytes,
                                 kPieceBytes + 1, 4 * kPieceBytes, 5 * kPieceBytes + 3}) {
    const std::string bytes = pattern(size);
    for (const Algorithm algorithm : kAlgorithms) {
      const auto stored = put(store, bytes, algorithm);
      ASSERT_TRUE(stored) << stored.error().message;
      EXPECT_EQ(stored->size, size);
      EXPECT_EQ(stored->digest, Hasher::of(algorithm, as_bytes(bytes)));
      EXPECT_EQ(get(store, stored->digest), bytes);
    }
  }
}

TEST_F(StoreTest, LaysObjectsWhereOlderProgramsLookForThem) {
  Store store = open_store();
  ASSERT_TRUE(put(store, "some-random-text"));
  EXPECT_TRUE(fs::exists(home_ / "store/sha1/6a/f8/26/6af826b3d648ccba6b4bbe58e93e22add640d728"));
}

TEST_F(StoreTest, WritesInPartsLikeAtOnce) {
  Store store = open_store();
  const std::string bytes = pattern(3 * kPieceBytes);
  for (const std::size_t part : {std::size_t{1000}, kPieceBytes, bytes.size()}) {
    StoreWriter writer = store.create(Algorithm::sha1);
    for (std::size_t i = 0; i < bytes.size(); i += part)
      ASSERT_TRUE(writer.append(as_bytes(bytes).subspan(i, std::min(part, bytes.size() - i))));
    const auto stored = writer.commit();
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->digest, sha1_of(bytes));
  }
  EXPECT_EQ(get(store, sha1_of(bytes)), bytes);
}

// More files than are synced one by one, some of them twice, some there already.
TEST_F(StoreTest, StoresABatchInOrder) {
  Store store = open_store();
  ASSERT_TRUE(put(store, "content 3"));
  std::vector<fs::path> paths;
  for (int i = 0; i < 50; ++i)
    paths.push_back(write("f" + std::to_string(i), "content " + std::to_string(i % 40)));
  for (int round = 0; round < 2; ++round) {
    const auto stored = put_files(store, paths);
    ASSERT_TRUE(stored) << stored.error().message;
    for (int i = 0; i < 50; ++i) {
      const std::string bytes = "content " + std::to_string(i % 40);
      EXPECT_EQ((*stored)[static_cast<std::size_t>(i)].digest, sha1_of(bytes));
      EXPECT_EQ(get(store, sha1_of(bytes)), bytes);
    }
  }
}

TEST_F(StoreTest, FailsAWholeBatchAndNamesTheFile) {
  Store store = open_store();
  const auto stored = put_files(store, {write("good", "good"), home_ / "files/missing"});
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, Code::not_found);
  EXPECT_NE(stored.error().message.find("files/missing"), std::string::npos);
}

TEST_F(StoreTest, SaysWhereItLookedForAMiss) {
  Store store = open_store();
  const auto found = store.open(sha1_of("never stored"), progress_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::not_found);
  EXPECT_NE(found.error().message.find((home_ / "store").native()), std::string::npos);
}

TEST_F(StoreTest, NeverServesDamagedBytes) {
  Store store = open_store();
  const std::string bytes = pattern(200'000);
  ASSERT_TRUE(put(store, bytes));
  const fs::path object = home_ / "store" / object_path(sha1_of(bytes));
  ASSERT_TRUE(store.open(sha1_of(bytes), progress_));
  fs::permissions(object, fs::perms::owner_write, fs::perm_options::add);
  std::fstream(object, std::ios::in | std::ios::out | std::ios::binary).seekp(100'000).put('!');

  const auto found = store.open(sha1_of(bytes), progress_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::corrupt);
  EXPECT_TRUE(get(store, sha1_of(bytes)).starts_with("[")) << "neither in memory";

  ASSERT_TRUE(put(store, bytes)) << "storing the original again mends it";
  EXPECT_EQ(get(store, sha1_of(bytes)), bytes);
}

TEST_F(StoreTest, FallsBackToALinkWhenTheObjectIsDamaged) {
  Store store = open_store();
  const std::string bytes = pattern(100'000);
  ASSERT_TRUE(put(store, bytes));
  ASSERT_TRUE(link(store, write("same", bytes)));
  const fs::path object = home_ / "store" / object_path(sha1_of(bytes));
  fs::permissions(object, fs::perms::owner_write, fs::perm_options::add);
  fs::resize_file(object, 50);
  EXPECT_EQ(get(store, sha1_of(bytes)), bytes);
  const auto found = store.open(sha1_of(bytes), progress_);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->linked);
}

TEST_F(StoreTest, ScrubFindsWhatIsDamagedAndPutsItAside) {
  Store store = open_store();
  ASSERT_TRUE(put(store, "good"));
  ASSERT_TRUE(put(store, "bad"));
  ASSERT_TRUE(put(store, "cut", Algorithm::sha256));
  const auto damage = [&](const Digest& digest, std::string_view bytes) {
    const fs::path object = home_ / "store" / object_path(digest);
    fs::permissions(object, fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(object) << bytes;
  };
  damage(sha1_of("bad"), "worse");
  damage(Hasher::of(Algorithm::sha256, as_bytes("cut")), "");
  ASSERT_TRUE(link(store, write("linked", "linked")));
  std::ofstream(home_ / "files/linked") << "changed";

  const auto report = store.scrub({}, progress_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->objects, 3U);
  EXPECT_EQ(report->links, 1U);
  EXPECT_EQ(report->damaged.size(), 2U);
  EXPECT_EQ(report->stale_links.size(), 1U);
  EXPECT_EQ(std::distance(fs::directory_iterator(home_ / "store/quarantine"), {}), 2);
  EXPECT_EQ(store.open(sha1_of("bad"), progress_).error().code, Code::not_found)
      << "a miss now, to be had elsewhere";
  EXPECT_EQ(get(store, sha1_of("good")), "good");
}

TEST_F(StoreTest, ScrubMakesADamagedObjectAgainFromALinkedFile) {
  Store store = open_store();
  ASSERT_TRUE(put(store, "content"));
  ASSERT_TRUE(link(store, write("linked", "content")));
  const fs::path object = home_ / "store" / object_path(sha1_of("content"));
  fs::permissions(object, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(object) << "damaged";
  const auto report = store.scrub({}, progress_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->damaged.empty());
  ASSERT_EQ(report->repaired.size(), 1U);
  EXPECT_NE(report->repaired[0].what.find("files/linked"), std::string::npos);
  EXPECT_EQ(store.open(sha1_of("content"), progress_)->linked, false);
  EXPECT_EQ(std::distance(fs::directory_iterator(home_ / "store/quarantine"), {}), 1);
}

TEST_F(StoreTest, ScrubReadsLinksThatOnlyTheFirstGenerationNoted) {
  Store store = open_store();
  const fs::path path = write("linked", "content");
  ASSERT_TRUE(link(store, path));
  fs::remove(home_ / "store" / link_path(sha1_of("content")));
  EXPECT_EQ(store.scrub({}, progress_)->links, 1U);
  std::ofstream(path) << "changed";
  EXPECT_EQ(store.scrub({}, progress_)->stale_links.size(), 1U);
}

// --- Links

TEST_F(StoreTest, ServesALinkedFileOnlyWhileItIsTheSame) {
  Store store = open_store();
  const std::string bytes = pattern(100'000);
  const fs::path path = write("data", bytes);
  const auto linked = link(store, path);
  ASSERT_TRUE(linked) << linked.error().message;
  const Digest digest = linked->front().digest;
  EXPECT_EQ(digest, sha1_of(bytes));
  EXPECT_EQ(store.open(digest, progress_)->path, fs::canonical(path));
  EXPECT_FALSE(fs::exists(home_ / "store" / object_path(digest))) << "a link is no copy";

  std::string other = bytes;
  other[5] ^= 1;
  const auto time = fs::last_write_time(path);
  std::ofstream(path, std::ios::binary) << other;
  fs::last_write_time(path, time);  // Same size, same mtime.
  EXPECT_EQ(store.open(digest, progress_).error().code, Code::not_found);
  EXPECT_TRUE(get(store, digest).find("has changed") != std::string::npos) << get(store, digest);

  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(get(store, digest), bytes) << "its bytes are back";
  fs::remove(path);
  EXPECT_EQ(store.open(digest, progress_).error().code, Code::not_found);
}

TEST_F(StoreTest, DoesNotHashAnUnchangedFileTwice) {
  Store store = open_store();
  const fs::path path = write("data", pattern(3 * kPieceBytes));
  // Only a file whose last change (of anything) lies 2 s back may be remembered.
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  ASSERT_TRUE(link(store, path));
  const auto stamp = (*open_user_file(path))->stamp();
  ASSERT_TRUE(stamp);
  EXPECT_TRUE(cache_->find(*stamp, Algorithm::sha1)) << "remembered";
  EXPECT_TRUE(link(store, path));
  ASSERT_TRUE(put_files(store, {path}));
  EXPECT_EQ(get(store, sha1_of(pattern(3 * kPieceBytes))), pattern(3 * kPieceBytes));
}

TEST_F(StoreTest, LinksWhateverTheName) {
  Store store = open_store();
  for (const std::string name : {"a b", "q?x#y%z", "line\nbreak", "\xFF\x80", "-dash", "\"quote\\"}) {
    const auto linked = link(store, write(name, "content of " + name));
    ASSERT_TRUE(linked) << name << linked.error().message;
    EXPECT_EQ(get(store, linked->front().digest), "content of " + name);
  }
}

TEST_F(StoreTest, ReadsTheLinksOfBothGenerations) {
  Store store = open_store();
  const fs::path path = write("data", "content");
  const Digest digest = sha1_of("content");
  const auto write_record = [&](const std::string& place, const std::string& text) {
    fs::create_directories((home_ / "store" / place).parent_path());
    std::ofstream(home_ / "store" / place) << text;
  };
  write_record(link_path(digest), R"({"path": ")" + path.native() +
                                      R"(", "size": 7, "mtime": 1.5, "sha1": ")" + digest.hex() + "\"}");
  EXPECT_EQ(get(store, digest), "content") << "kachery_cloud's; its mtime alone is not believed, either way";
  fs::remove(home_ / "store" / link_path(digest));
  write_record(gen1_link_path(digest),
               R"({"path":")" + path.native() + R"(","manifestSha1":null,"stat":{"size":7,"mtime":3}})");
  EXPECT_EQ(get(store, digest), "content") << "gen1's";
}

TEST_F(StoreTest, SurvivesDamagedLinkRecords) {
  Store store = open_store();
  ASSERT_TRUE(link(store, write("data", "content")));
  const Digest digest = sha1_of("content");
  fs::remove(home_ / "store" / gen1_link_path(digest));
  const fs::path record = home_ / "store" / link_path(digest);
  fs::permissions(record, fs::perms::owner_write, fs::perm_options::add);
  for (const char* text : {"", "{", "[]", R"({"path":"relative","size":7,"sha1":"x"})", R"({"path":1})",
                           "{\"path\":\"/x\\u0000\"}"}) {
    std::ofstream(record, std::ios::trunc) << text;
    const auto found = store.open(digest, progress_);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::not_found);
    EXPECT_NE(found.error().message.find("damaged link record"), std::string::npos) << found.error().message;
  }
  ASSERT_TRUE(link(store, home_ / "files/data")) << "linking again mends it";
  EXPECT_EQ(get(store, digest), "content");
}

// --- Collisions: the two public prefixes of the SHAttered attack, one SHA-1, different bytes.

std::string collision(int number) {
  const std::string name =
      std::string(KACHERY_VECTORS) + "/shattered-prefix-" + std::to_string(number) + ".hex";
  std::ifstream file(name);
  std::string hex;
  file >> hex;
  std::string bytes(hex.size() / 2, '\0');
  EXPECT_TRUE(from_hex(hex, std::as_writable_bytes(std::span(bytes)))) << name;
  return bytes;
}

void expect_refused(const Error& error) {
  EXPECT_EQ(error.code, Code::corrupt);
  EXPECT_NE(error.message.find("collision"), std::string::npos) << error.message;
}

TEST_F(StoreTest, RefusesOtherBytesWithTheSameHash) {
  const std::string one = collision(1);
  const std::string two = collision(2);
  ASSERT_EQ(sha1_of(one), sha1_of(two));
  ASSERT_NE(one, two);
  // Small, and beyond what is kept in memory: any equal suffix keeps them colliding.
  for (const std::string& suffix : {std::string(), pattern(2 * kPieceBytes)}) {
    Store store = open_store();
    ASSERT_TRUE(put(store, one + suffix));
    expect_refused(put(store, two + suffix).error());
    expect_refused(put_files(store, {write("two", two + suffix)}).error());
    expect_refused(link(store, write("two", two + suffix)).error());
    EXPECT_EQ(get(store, sha1_of(one + suffix)), one + suffix) << "the first stays";
    EXPECT_TRUE(put(store, one + suffix)) << "and may be stored again";
    EXPECT_TRUE(put(store, two + suffix, Algorithm::sha256)) << "by SHA-256 they are two";
  }
}

TEST_F(StoreTest, RefusesACollisionWithinABatchAndWithALink) {
  const fs::path one = write("one", collision(1));
  const fs::path two = write("two", collision(2));
  {
    Store store = open_store();
    expect_refused(put_files(store, {one, two}).error());
  }
  fs::remove_all(home_ / "store/sha1");
  Store store = open_store();
  ASSERT_TRUE(link(store, one));
  expect_refused(link(store, two).error());
  expect_refused(put(store, collision(2)).error());
  EXPECT_EQ(get(store, sha1_of(collision(1))), collision(1));
  EXPECT_TRUE(put(store, collision(1))) << "what is linked may be stored";
}

// For the thread sanitizer, too: one store, used by many threads at once for everything.
TEST_F(StoreTest, ServesManyThreads) {
  Store store = open_store();
  const fs::path shared = write("shared", pattern(100'000));
  std::atomic<int> failures = 0;
  const auto work = [&](int thread) {
    Progress progress;
    for (int i = 0; i < 20; ++i) {
      const std::string bytes = "content " + std::to_string((i + thread) % 10) + std::string(100'000, 'x');
      const auto stored = put(store, bytes);
      if (!stored || get(store, stored->digest) != bytes) ++failures;
      if (!stored || !store.open(stored->digest, progress)) ++failures;
      if (!store.link_files({&shared, 1}, Algorithm::sha1, progress)) ++failures;
      if (!store.put_files({&shared, 1}, Algorithm::sha1, progress)) ++failures;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) threads.emplace_back(work, thread);
  }
  EXPECT_EQ(failures, 0);
}

TEST_F(StoreTest, StopsWhenToldTo) {
  Store store = open_store();
  progress_.cancel = true;
  PatternSource source(pattern(5 * kPieceBytes));
  const auto stored = store.put(source, Algorithm::sha1, progress_);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, Code::cancelled);
  EXPECT_FALSE(fs::exists(home_ / "store/sha1"));
}

}  // namespace
}  // namespace kachery
