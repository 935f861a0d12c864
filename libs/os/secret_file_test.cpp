#include "os/secret_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "os/directory.h"
#include "os/random.h"
#include "os/replacement.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

class SecretFileTest : public testing::Test {
 protected:
  SecretFileTest() : folder_(fs::path(testing::TempDir()) / ("secret_file_test_" + random_hex(8))) {
    fs::create_directory(folder_);
  }
  ~SecretFileTest() override { fs::remove_all(folder_); }

  Result<> create(std::string_view text) const {
    KACHERY_TRY(file, create_secret_file(path_));
    KACHERY_TRY(file->append(as_bytes(text)));
    return file->commit();
  }

  std::string read() const {
    const auto secret = read_secret_file(path_, 100);
    return secret ? std::string(secret->text()) : "(" + secret.error().message + ")";
  }

  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path folder_;
  fs::path path_ = folder_ / "key";
};

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST_F(SecretFileTest, IsOnlyItsOwnersWhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{077}}) {
    const mode_t before = ::umask(mask);
    {
      const auto file = create_secret_file(path_);
      ASSERT_TRUE(file);
      for (const auto& entry : fs::directory_iterator(folder_))
        EXPECT_EQ(mode_of(entry.path()), 0600U) << "also while it is being written";
    }
    EXPECT_EQ(files(), 0U) << "without a commit there is nothing";
    ASSERT_TRUE(create("secret"));
    ::umask(before);
    EXPECT_EQ(mode_of(path_), 0600U);
    EXPECT_EQ(read(), "secret");
    EXPECT_EQ(files(), 1U);
    fs::remove(path_);
  }
}

TEST_F(SecretFileTest, NeverReplacesTheOneThatIsThere) {
  ASSERT_TRUE(create("first"));
  EXPECT_EQ(create("second").error().code, Code::exists);
  EXPECT_EQ(read(), "first");
  EXPECT_EQ(files(), 1U) << "nothing is left over";
}

// Processes that make it at once: one wins, and all read that one's.
TEST_F(SecretFileTest, HasOneWinnerAmongManyProcesses) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto outcome = create("process " + std::to_string(i));
      ::_exit(outcome ? 0 : outcome.error().code == Code::exists ? 1 : 2);
    }
    children.push_back(child);
  }
  int winners = 0;
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_LT(WEXITSTATUS(status), 2);
    winners += WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  EXPECT_EQ(winners, 1);
  EXPECT_TRUE(read().starts_with("process "));
  EXPECT_EQ(files(), 1U);
}

TEST_F(SecretFileTest, IsRefusedWhereOthersMayTouchItAndTheMessageSaysWhatToRun) {
  ASSERT_TRUE(create("secret"));
  for (const mode_t mode : {0640U, 0604U, 0620U, 0601U, 0610U}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    const auto secret = read_secret_file(path_, 100);
    ASSERT_FALSE(secret) << mode;
    EXPECT_EQ(secret.error().code, Code::denied);
    EXPECT_TRUE(secret.error().message.contains("chmod 600 " + path_.native())) << secret.error().message;
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0400), 0);
  EXPECT_EQ(read(), "secret");
}

TEST_F(SecretFileTest, OfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_TRUE(create("secret"));
  EXPECT_FALSE(is_of_another_user(path_));
  EXPECT_FALSE(is_of_another_user(folder_ / "nothing"));
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  const auto secret = read_secret_file(path_, 100);
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().code, Code::denied);
  EXPECT_TRUE(secret.error().message.contains("uid 12345"));
  EXPECT_TRUE(is_of_another_user(path_));
}

TEST_F(SecretFileTest, IsARegularFileOfAReasonableSize) {
  EXPECT_EQ(read_secret_file(path_, 100).error().code, Code::not_found);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(read_secret_file(path_, 100).error().code, Code::invalid) << "and it did not wait for a writer";
  fs::remove(path_);
  ASSERT_TRUE(create(std::string(101, 'x')));
  EXPECT_EQ(read_secret_file(path_, 100).error().code, Code::corrupt);
}

TEST_F(SecretFileTest, LiesInADirectoryThatNobodyElseMayEnter) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0700), 0);
  EXPECT_TRUE(check_secret_directory(folder_));
  for (const mode_t mode : {0750U, 0705U, 0710U, 0701U, 01777U}) {
    ASSERT_EQ(::chmod(folder_.c_str(), mode), 0);
    const auto checked = check_secret_directory(folder_);
    ASSERT_FALSE(checked) << mode;
    EXPECT_EQ(checked.error().code, Code::denied);
    EXPECT_TRUE(checked.error().message.contains("chmod 700 " + folder_.native())) << checked.error().message;
  }
  EXPECT_EQ(check_secret_directory(folder_ / "nothing").error().code, Code::not_found);
  ASSERT_TRUE(create("a file"));
  EXPECT_EQ(check_secret_directory(path_).error().code, Code::invalid);
}

TEST(OwnDirectory, IsWrittenToByUsAlone) {
  for (const auto& [audience, mode] : {std::pair{Audience::readers, 0755U}, {Audience::writers, 0700U}}) {
    const fs::path root = fs::path(testing::TempDir()) / ("own_directory_test_" + random_hex(8));
    const mode_t before = ::umask(0);
    EXPECT_TRUE(make_own_directory(root / "a/b", audience));
    EXPECT_TRUE(make_own_directory(root / "a/b", Audience::readers)) << "it is there";
    ::umask(before);
    for (const char* path : {"", "a", "a/b"}) EXPECT_EQ(mode_of(root / path), mode) << path;
    fs::remove_all(root);
  }
}

// A database of a group's is for the group; one of a single user's is for nobody else, not even to read.
TEST(SharedFile, IsReadableByItsAudienceAlone) {
  const fs::path root = fs::path(testing::TempDir()) / ("shared_file_test_" + random_hex(8));
  struct Expected {
    mode_t directory;
    mode_t readers;
    mode_t writers;
  };
  for (const auto& [directory, readers, writers] :
       {Expected{0700, 0600, 0600}, Expected{0755, 0644, 0600}, Expected{0775, 0664, 0660}}) {
    fs::create_directory(root);
    ASSERT_EQ(::chmod(root.c_str(), directory), 0);
    const mode_t before = ::umask(077);
    create_shared_file(root / "readers", Audience::readers);
    create_shared_file(root / "writers", Audience::writers);
    ::umask(before);
    EXPECT_EQ(mode_of(root / "readers"), readers);
    EXPECT_EQ(mode_of(root / "writers"), writers);
    fs::remove_all(root);
  }
}

}  // namespace
}  // namespace kachery
