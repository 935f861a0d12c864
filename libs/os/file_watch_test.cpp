#include "os/file_watch.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "os/random.h"

namespace kachery {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() : path_(fs::path(testing::TempDir()) / ("file_watch_test_" + random_hex(8))) {
    std::ofstream(path_) << "x";
  }
  ~FileWatchTest() override { fs::remove(path_); }

  fs::path path_;
};

TEST_F(FileWatchTest, TellsOfEachSignalOnce) {
  auto watch = FileWatch::open(path_);
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_FALSE(*watch->wait(0ms));
  signal_watchers(path_);
  signal_watchers(path_);
  EXPECT_TRUE(*watch->wait(0ms));
  EXPECT_FALSE(*watch->wait(0ms));
}

TEST_F(FileWatchTest, WakesWhoeverWaits) {
  auto watch = FileWatch::open(path_);
  ASSERT_TRUE(watch);
  std::jthread signaller([this] { signal_watchers(path_); });
  EXPECT_TRUE(*watch->wait(60s));
}

TEST_F(FileWatchTest, TellsThatTheFileWasReplaced) {
  auto watch = FileWatch::open(path_);
  ASSERT_TRUE(watch);
  const fs::path other = path_.native() + ".new";
  std::ofstream(other) << "y";
  fs::rename(other, path_);
  EXPECT_TRUE(*watch->wait(60s));
}

TEST_F(FileWatchTest, NeedsAFile) {
  fs::remove(path_);
  const auto watch = FileWatch::open(path_);
  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().code, Code::not_found);
  signal_watchers(path_);
  EXPECT_FALSE(fs::exists(path_));
}

}  // namespace
}  // namespace kachery
