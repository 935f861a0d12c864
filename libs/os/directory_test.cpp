// What every Directory promises, and what only the one on the disk can.
#include "os/directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>

#include "os/memory_directory.h"
#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

// A folder that goes away with the test.
class Scratch {
 public:
  Scratch() : path_(fs::path(testing::TempDir()) / ("directory_test_" + random_hex(8))) {
    fs::create_directory(path_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void write(Directory& directory, const std::string& path, std::string_view text) {
  const auto file = directory.create(path, Access::read_only);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE((*file)->append(as_bytes(text)));
  ASSERT_TRUE((*file)->sync());
}

std::string read(const Directory& directory, const std::string& path) {
  const auto file = directory.open(path);
  if (!file) return "(" + file.error().message + ")";
  std::string text(100, '\0');
  const auto got = (*file)->read_at(0, std::as_writable_bytes(std::span(text)));
  EXPECT_TRUE(got);
  text.resize(got.value_or(0));
  return text;
}

// The contract.
void verify_directory(Directory& directory) {
  EXPECT_EQ(directory.create("a/x", Access::read_only).error().code, Code::not_found);
  ASSERT_TRUE(directory.make_directory("a"));
  EXPECT_EQ(directory.make_directory("a").error().code, Code::exists);
  EXPECT_EQ(directory.make_directory("b/c").error().code, Code::not_found);
  write(directory, "a/x", "first");
  write(directory, "y", "second");
  EXPECT_EQ(directory.create("y", Access::read_only).error().code, Code::exists);
  EXPECT_EQ(read(directory, "a/x"), "first");

  EXPECT_EQ(directory.rename("y", "a/x", Replace::no).error().code, Code::exists);
  EXPECT_EQ(read(directory, "a/x"), "first") << "a refused rename changes nothing";
  EXPECT_EQ(directory.rename("y", "b/x", Replace::no).error().code, Code::not_found);
  ASSERT_TRUE(directory.rename("y", "a/z", Replace::no));
  EXPECT_EQ(directory.open("y").error().code, Code::not_found);
  ASSERT_TRUE(directory.rename("a/z", "a/x", Replace::yes));
  EXPECT_EQ(read(directory, "a/x"), "second");

  const auto stamp = directory.stamp("a/x");
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->size, 6U);
  EXPECT_EQ(directory.stamp("a").error().code, Code::invalid) << "a directory is no file";
  ASSERT_TRUE(directory.touch("a/x"));
  EXPECT_EQ(directory.stamp("a/x")->mtime_ns, stamp->mtime_ns) << "touching is no change of the content";
  EXPECT_GE(directory.stamp("a/x")->ctime_ns, stamp->ctime_ns);
  ASSERT_TRUE(directory.set_modified("a/x", 1'600'000'000'123'456'789));
  EXPECT_EQ(directory.stamp("a/x")->mtime_ns, 1'600'000'000'123'456'789);
  EXPECT_EQ(directory.set_modified("a/none", 0).error().code, Code::not_found);

  const auto entries = directory.list("");
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().name, "a");
  EXPECT_EQ(entries->front().kind, EntryKind::directory);
  EXPECT_EQ(directory.list("nowhere").error().code, Code::not_found);

  ASSERT_TRUE(directory.sync_directory("a"));
  ASSERT_TRUE(directory.sync_directory(""));
  ASSERT_TRUE(directory.sync_all());
  EXPECT_FALSE(directory.remove_directory("a")) << "it is not empty";
  ASSERT_TRUE(directory.remove("a/x"));
  EXPECT_EQ(directory.remove("a/x").error().code, Code::not_found);
  ASSERT_TRUE(directory.remove_directory("a"));
}

TEST(MemoryDirectory, KeepsTheContract) {
  MemoryDirectory directory;
  verify_directory(directory);
}

TEST(RealDirectory, KeepsTheContract) {
  const Scratch scratch;
  const auto directory = open_directory(scratch.path(), Missing::fail);
  ASSERT_TRUE(directory);
  verify_directory(**directory);
}

TEST(RealDirectory, IsMadeWithItsParentsOnlyWhenAsked) {
  const Scratch scratch;
  EXPECT_EQ(open_directory(scratch.path() / "p/q", Missing::fail).error().code, Code::not_found);
  ASSERT_TRUE(open_directory(scratch.path() / "p/q", Missing::create));
  EXPECT_TRUE(fs::is_directory(scratch.path() / "p/q"));
}

// T3.2: whoever shares the directory plants links; nothing may be read or written outside.
TEST(RealDirectory, NeverFollowsALinkInside) {
  const Scratch scratch;
  const Scratch outside;
  std::ofstream(outside.path() / "secret") << "secret";
  fs::create_directory_symlink(outside.path(), scratch.path() / "d");
  fs::create_symlink(outside.path() / "secret", scratch.path() / "f");
  const auto opened = open_directory(scratch.path(), Missing::fail);
  ASSERT_TRUE(opened);
  Directory& directory = **opened;
  write(directory, "mine", "mine");

  EXPECT_FALSE(directory.open("d/secret"));
  EXPECT_FALSE(directory.open("f"));
  EXPECT_FALSE(directory.create("d/new", Access::read_only));
  EXPECT_FALSE(directory.create("f", Access::read_only));
  EXPECT_FALSE(directory.make_directory("d/new"));
  EXPECT_FALSE(directory.rename("mine", "d/new", Replace::yes));
  EXPECT_FALSE(directory.remove("d/secret"));
  EXPECT_FALSE(directory.list("d"));
  EXPECT_FALSE(directory.touch("d/secret"));
  EXPECT_FALSE(directory.open("../" + outside.path().filename().native() + "/secret"));
  EXPECT_EQ(std::distance(fs::directory_iterator(outside.path()), {}), 1);
  EXPECT_NE(directory.open("d/secret").error().message.find("symbolic link"), std::string::npos);
}

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

// T3: a group shares the directory; one member's umask must not lock the others out.
TEST(RealDirectory, GivesFilesTheRootsPermissionsWhateverTheUmask) {
  const Scratch scratch;
  fs::permissions(scratch.path(), fs::perms(0775));
  const mode_t before = ::umask(077);
  const auto directory = open_directory(scratch.path(), Missing::fail);
  ASSERT_TRUE(directory);
  ASSERT_TRUE((*directory)->make_directory("d"));
  write(**directory, "d/f", "x");
  ::umask(before);
  EXPECT_EQ(mode_of(scratch.path() / "d") & 0777, 0775U);
  EXPECT_EQ(mode_of(scratch.path() / "d/f"), 0444U);
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch.path()), {}), 1) << "nothing is left over";
}

TEST(RealDirectory, KeepsAPrivateRootPrivate) {
  const Scratch scratch;
  fs::permissions(scratch.path(), fs::perms(0700));
  const auto directory = open_directory(scratch.path(), Missing::fail);
  ASSERT_TRUE(directory);
  ASSERT_TRUE((*directory)->make_directory("d"));
  write(**directory, "d/f", "x");
  EXPECT_EQ(mode_of(scratch.path() / "d"), 0700U);
  EXPECT_EQ(mode_of(scratch.path() / "d/f"), 0400U);
}

TEST(RealDirectory, LocksAgainstOtherHandles) {
  const Scratch scratch;
  const auto directory = open_directory(scratch.path(), Missing::fail);
  ASSERT_TRUE(directory);
  {
    const auto lock = (*directory)->lock("lock", Hold::alone);
    ASSERT_TRUE(lock);
    EXPECT_EQ((*directory)->lock("lock", Hold::alone).error().code, Code::unavailable);
  }
  {
    const auto one = (*directory)->lock("lock", Hold::shared);
    const auto other = (*directory)->lock("lock", Hold::shared);
    EXPECT_TRUE(one && other);
    EXPECT_EQ((*directory)->lock("lock", Hold::alone).error().code, Code::unavailable);
  }
  EXPECT_TRUE((*directory)->lock("lock", Hold::alone));
}

TEST(UserFile, RefusesWhatIsNoRegularFile) {
  const Scratch scratch;
  EXPECT_EQ(open_user_file(scratch.path()).error().code, Code::invalid);
  EXPECT_EQ(open_user_file(scratch.path() / "none").error().code, Code::not_found);
  ASSERT_EQ(::mkfifo((scratch.path() / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(open_user_file(scratch.path() / "pipe").error().code, Code::invalid)
      << "and it did not wait for a writer";
  EXPECT_TRUE(is_stream(scratch.path() / "pipe"));
}

// The pieces that pass by the page cache must leave the same file as those that do not.
TEST(RealFile, WritesTheSameBytesInPiecesOfAnySize) {
  const Scratch scratch;
  const auto directory = open_directory(scratch.path(), Missing::fail);
  ASSERT_TRUE(directory);
  constexpr std::size_t kPiece = 1 << 20;
  const std::unique_ptr<std::byte, decltype(&std::free)> memory(
      static_cast<std::byte*>(std::aligned_alloc(4096, 2 * kPiece)), &std::free);
  for (std::size_t i = 0; i < 2 * kPiece; ++i) memory.get()[i] = static_cast<std::byte>(i * 7 + i / 4096);

  std::string expected;
  auto file = (*directory)->create("f", Access::read_only);
  ASSERT_TRUE(file);
  for (const auto& [begin, size] : std::vector<std::pair<std::size_t, std::size_t>>{{0, kPiece},
                                                                                    {4096, kPiece},
                                                                                    {0, 5},
                                                                                    {8192, kPiece},
                                                                                    {0, kPiece - 5},
                                                                                    {0, 2 * kPiece},
                                                                                    {1, 3},
                                                                                    {7, 0}}) {
    const ByteView piece(memory.get() + begin, size);
    ASSERT_TRUE((*file)->append(piece));
    expected += as_text(piece);
  }
  ASSERT_TRUE((*file)->sync());
  std::string actual(expected.size() + 1, '\0');
  EXPECT_EQ(*(*file)->read_at(0, std::as_writable_bytes(std::span(actual))), expected.size());
  EXPECT_TRUE(actual.starts_with(expected));
}

}  // namespace
}  // namespace kachery
