#include "client/session.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

class SessionTest : public testing::Test {
 protected:
  SessionTest()
      : home_(fs::path(testing::TempDir()) / ("session_test_" + random_hex(8))),
        session_(Configuration{home_ / "store", "test"}) {
    fs::create_directory(home_);
  }
  ~SessionTest() override { fs::remove_all(home_); }

  fs::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(home_ / name, std::ios::binary) << bytes;
    return home_ / name;
  }

  std::string store(const fs::path& path) {
    const auto stored = session_.store_many({&path, 1}, Algorithm::sha1, progress_);
    EXPECT_TRUE(stored) << stored.error().message;
    return Uri{stored->front().digest, ""}.str();
  }

  static std::string content_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path home_;
  Session session_;
  Progress progress_;
};

// Looking for something makes nothing, and says that there is nothing yet.
TEST_F(SessionTest, ReadingDoesNotMakeADirectory) {
  const auto located = session_.locate("sha1://6af826b3d648ccba6b4bbe58e93e22add640d728", progress_);
  ASSERT_FALSE(located);
  EXPECT_EQ(located.error().code, Code::not_found);
  EXPECT_NE(located.error().message.find("no store yet at " + (home_ / "store").native()), std::string::npos);
  EXPECT_FALSE(fs::exists(home_ / "store"));
}

TEST_F(SessionTest, FindsUrisAndPaths) {
  const fs::path path = write("a.txt", "content");
  const std::string uri = store(path);
  EXPECT_EQ(session_.locate(uri, progress_)->kind, "object");
  EXPECT_EQ(session_.locate(path.native(), progress_)->kind, "path");
  EXPECT_EQ(session_.locate("sha1://xyz", progress_).error().code, Code::invalid);
  EXPECT_EQ(session_.locate("md5://x", progress_).error().code, Code::invalid);
}

TEST_F(SessionTest, CopiesOverAFileAtOnce) {
  const std::string uri = store(write("a.txt", "content"));
  const fs::path target = write("target", "older, longer content");
  ASSERT_TRUE(session_.copy_to(uri, target, progress_));
  EXPECT_EQ(content_of(target), "content");
  EXPECT_EQ(session_.copy_to(uri, home_, progress_).error().code, Code::invalid) << "a directory";
  EXPECT_EQ(session_.copy_to(uri, home_ / "no/such", progress_).error().code, Code::not_found);
  EXPECT_EQ(session_.copy_to("sha1://" + std::string(40, '0'), target, progress_).error().code,
            Code::not_found);
  EXPECT_EQ(content_of(target), "content") << "a miss changes nothing";
  EXPECT_EQ(std::distance(fs::directory_iterator(home_), {}), 3) << "no temporaries";
}

TEST(Configuration, TakesTheFirstVariableThatIsSet) {
  for (const char* name : {"KACHERY_DIR", "KACHERY_CLOUD_DIR", "KACHERY_STORAGE_DIR"}) ::unsetenv(name);
  ::setenv("HOME", "/home/somebody", 1);
  EXPECT_EQ(configuration_from_environment()->directory, "/home/somebody/.kachery");
  ::setenv("KACHERY_STORAGE_DIR", "/one", 1);
  EXPECT_EQ(configuration_from_environment()->directory, "/one");
  ::setenv("KACHERY_CLOUD_DIR", "/two", 1);
  EXPECT_EQ(configuration_from_environment()->directory, "/two");
  ::setenv("KACHERY_DIR", "", 1);
  EXPECT_EQ(configuration_from_environment()->directory, "/two") << "empty counts as unset";
  ::setenv("KACHERY_DIR", "/three", 1);
  EXPECT_EQ(configuration_from_environment()->directory, "/three");
  EXPECT_EQ(configuration_from_environment()->directory_origin, "KACHERY_DIR");
  for (const char* name : {"KACHERY_DIR", "KACHERY_CLOUD_DIR", "KACHERY_STORAGE_DIR"}) ::unsetenv(name);
}

TEST(Configuration, ASandboxStandsInForEverythingButTheKeys) {
  ::setenv("KACHERY_CLOUD_DIR", "/normal", 1);
  ::setenv("KACHERY_CLOUD_SANDBOX_DIR", "/normal/sandbox/one", 1);
  EXPECT_EQ(configuration_from_environment()->directory, "/normal") << "until it is used";
  ::setenv("KACHERY_CLOUD_USE_SANDBOX", "1", 1);
  const auto configuration = configuration_from_environment();
  EXPECT_EQ(configuration->directory, "/normal/sandbox/one");
  EXPECT_TRUE(configuration->also_read.empty());
  EXPECT_EQ(key_directories(*configuration)->front(), "/normal");
  for (const char* name : {"KACHERY_CLOUD_DIR", "KACHERY_CLOUD_SANDBOX_DIR", "KACHERY_CLOUD_USE_SANDBOX"})
    ::unsetenv(name);
}

}  // namespace
}  // namespace kachery
