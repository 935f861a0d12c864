#include "store/hash_cache.h"

#include <gtest/gtest.h>

#include <fstream>

#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

class HashCacheTest : public testing::Test {
 protected:
  HashCacheTest() : directory_(fs::path(testing::TempDir()) / ("hash_cache_test_" + random_hex(8))) {
    fs::create_directory(directory_);
  }
  ~HashCacheTest() override { fs::remove_all(directory_); }

  fs::path path() const { return directory_ / "index.db"; }

  fs::path directory_;
  FileStamp stamp_{1, 2, 100'000, 3, 4};
  Digest digest_ = *Digest::parse(Algorithm::sha1, "6af826b3d648ccba6b4bbe58e93e22add640d728");
};

TEST_F(HashCacheTest, RemembersOneStateOfAFile) {
  const HashedFile hashed{stamp_, digest_};
  HashCache::open(path())->remember({&hashed, 1});
  const auto cache = HashCache::open(path());
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->find(stamp_, Algorithm::sha1), digest_);
  EXPECT_FALSE(cache->find(stamp_, Algorithm::sha256));
  for (FileStamp other :
       {FileStamp{9, 2, 100'000, 3, 4}, FileStamp{1, 9, 100'000, 3, 4}, FileStamp{1, 2, 99'999, 3, 4},
        FileStamp{1, 2, 100'000, 9, 4}, FileStamp{1, 2, 100'000, 3, 9}})
    EXPECT_FALSE(cache->find(other, Algorithm::sha1));
}

// A change within the resolution of the file system's times could not be seen.
TEST_F(HashCacheTest, CountsOnlyWhatWasHashedWellAfterTheLastChange) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const FileStamp changed{1, 2, 3, 100 * kSecond, 90 * kSecond};
  EXPECT_FALSE(is_settled(changed, 100 * kSecond));
  EXPECT_FALSE(is_settled(changed, 102 * kSecond));
  EXPECT_TRUE(is_settled(changed, 102 * kSecond + 1));
  EXPECT_FALSE(is_settled({1, 2, 3, 90 * kSecond, 100 * kSecond}, 101 * kSecond));
  EXPECT_FALSE(is_settled({1, 2, 3, 200 * kSecond, 100 * kSecond}, 150 * kSecond)) << "a time in the future";
}

TEST_F(HashCacheTest, DoesNotBelieveADamagedRow) {
  const HashedFile hashed{stamp_, digest_};
  HashCache::open(path())->remember({&hashed, 1});
  {
    auto database = Database::open(path(), Durability::cache);
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->run("UPDATE hashed SET digest = x'6af826b3d648ccba6b4bbe58e93e22add640d729'"));
  }
  EXPECT_FALSE(HashCache::open(path())->find(stamp_, Algorithm::sha1));
}

TEST_F(HashCacheTest, IsMadeAnewWhenTheFileIsNoDatabase) {
  std::ofstream(path()) << std::string(10'000, 'x');
  const auto cache = HashCache::open(path());
  ASSERT_TRUE(cache);
  const HashedFile hashed{stamp_, digest_};
  cache->remember({&hashed, 1});
  EXPECT_EQ(cache->find(stamp_, Algorithm::sha1), digest_);
}

TEST_F(HashCacheTest, IsAbsentWhereItCannotBe) {
  EXPECT_FALSE(HashCache::open(directory_ / "none/index.db"));
}

}  // namespace
}  // namespace kachery
