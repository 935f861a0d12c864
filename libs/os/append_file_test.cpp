#include "os/append_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

class AppendFileTest : public testing::Test {
 protected:
  AppendFileTest() { fs::create_directory(folder_); }
  ~AppendFileTest() override { fs::remove_all(folder_); }

  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("append_file_test_" + random_hex(8));
  fs::path path_ = folder_ / "log";
};

TEST_F(AppendFileTest, GoesOnWhereTheFileEnds) {
  for (const char* line : {"one\n", "two\n"}) {
    auto file = AppendFile::open(path_);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_TRUE(file->append(as_bytes(line)));
  }
  EXPECT_EQ(content(), "one\ntwo\n");
}

TEST_F(AppendFileTest, IsOnlyItsOwners) {
  const mode_t before = ::umask(0);
  EXPECT_TRUE(AppendFile::open(path_));
  ::umask(before);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(AppendFileTest, RefusesWhatIsNoRegularFile) {
  fs::create_symlink("/etc/passwd", path_);
  EXPECT_FALSE(AppendFile::open(path_));
  EXPECT_FALSE(AppendFile::open(folder_));
}

// What a full disk does: the kernel takes a part of the bytes, and then none. In a child, whose limit it is.
TEST_F(AppendFileTest, LeavesNothingOfWhatDidNotFit) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10, 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto file = AppendFile::open(path_);
    const bool first = file && file->append(as_bytes("12345678"));
    const auto second = file->append(as_bytes("12345678"));
    ::_exit(first && !second && second.error().code == Code::exhausted ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content(), "12345678");
}

}  // namespace
}  // namespace kachery
