#include "client/session.h"

#include <gtest/gtest.h>

#include <fstream>

#include "chunk/gen1_manifest.h"
#include "os/random.h"
#include "store/layout.h"

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
  const auto located = session_.locate("sha1://6af826b3d648ccba6b4bbe58e93e22add640d728", {}, progress_);
  ASSERT_FALSE(located);
  EXPECT_EQ(located.error().code, Code::not_found);
  EXPECT_NE(located.error().message.find("no store yet at " + (home_ / "store").native()), std::string::npos);
  EXPECT_FALSE(fs::exists(home_ / "store"));
}

TEST_F(SessionTest, FindsUrisAndPaths) {
  const fs::path path = write("a.txt", "content");
  const std::string uri = store(path);
  EXPECT_EQ(session_.locate(uri, {}, progress_)->kind, "object");
  EXPECT_EQ(session_.locate(path.native(), {}, progress_)->kind, "path");
  EXPECT_EQ(session_.locate("sha1://xyz", {}, progress_).error().code, Code::invalid);
  EXPECT_EQ(session_.locate("md5://x", {}, progress_).error().code, Code::invalid);
}

TEST_F(SessionTest, CopiesOverAFileAtOnce) {
  const std::string uri = store(write("a.txt", "content"));
  const fs::path target = write("target", "older, longer content");
  ASSERT_TRUE(session_.copy_to(uri, target, {}, progress_));
  EXPECT_EQ(content_of(target), "content");
  EXPECT_EQ(session_.copy_to(uri, home_, {}, progress_).error().code, Code::invalid) << "a directory";
  EXPECT_EQ(session_.copy_to(uri, home_ / "no/such", {}, progress_).error().code, Code::not_found);
  EXPECT_EQ(session_.copy_to("sha1://" + std::string(40, '0'), target, {}, progress_).error().code,
            Code::not_found);
  EXPECT_EQ(content_of(target), "content") << "a miss changes nothing";
  EXPECT_EQ(std::distance(fs::directory_iterator(home_), {}), 3) << "no temporaries";
}

// gen2's reference: no copy, and used only while the file has the content.
TEST_F(SessionTest, UsesALocationOnlyIfItIsAskedToAndTheContentIsRight) {
  const fs::path path = write("a.txt", "content");
  const Uri uri{Hasher::of(Algorithm::sha1, as_bytes("content")), "", {}, path.native()};
  EXPECT_EQ(session_.locate(uri.str(), {}, progress_).error().code, Code::not_found);
  EXPECT_EQ(session_.locate(uri.str(), {Location::use}, progress_)->kind, "location");
  write("a.txt", "CONTENT");
  const auto changed = session_.locate(uri.str(), {Location::use}, progress_);
  EXPECT_EQ(changed.error().code, Code::not_found);
  EXPECT_NE(changed.error().message.find("other content: " + path.native()), std::string::npos);
  EXPECT_FALSE(fs::exists(home_ / "store")) << "looking makes nothing";
}

// What a user kept with an older program is found, and that program's directory stays as it is.
TEST_F(SessionTest, ReadsOlderDirectoriesAndWritesToOurs) {
  std::string uri;
  {
    Session older(Configuration{home_ / "older", "test"});
    const fs::path path = write("a.txt", "content");
    uri = Uri{older.store_many({&path, 1}, Algorithm::sha1, progress_)->front().digest, ""}.str();
  }
  fs::remove(home_ / "older/index.db");
  const auto count = [&] { return std::distance(fs::recursive_directory_iterator(home_ / "older"), {}); };
  const auto before = count();
  Session session(Configuration{home_ / "store", "default", {home_ / "gone", home_ / "older"}});
  EXPECT_EQ(session.locate(uri, {}, progress_)->path.parent_path().parent_path().parent_path(),
            (home_ / "older/sha1") / uri.substr(7, 2));
  const auto missing = session.locate("sha1://" + std::string(40, '0'), {}, progress_);
  EXPECT_NE(missing.error().message.find((home_ / "older").native()), std::string::npos);
  const fs::path other = write("b.txt", "other");
  EXPECT_TRUE(session.store_many({&other, 1}, Algorithm::sha1, progress_));
  EXPECT_EQ(session.locate(uri, {}, progress_)->kind, "object");
  EXPECT_EQ(count(), before);
}

// gen1 keeps the chunks of what it downloads; a whole file is made of them only if it is the right one.
TEST_F(SessionTest, PutsAFileTogetherFromTheChunksOfItsManifest) {
  std::string bytes(2 * kGen1ChunkBytes + 5, 'x');
  bytes[kGen1ChunkBytes] = 'y';
  const Uri whole{Digest::parse(Algorithm::sha1, store(write("whole", bytes)).substr(7)).value(), ""};
  const auto manifest = session_.gen1_manifest(whole.digest, progress_);
  ASSERT_TRUE(manifest && *manifest);
  EXPECT_EQ(*session_.gen1_manifest(**manifest, progress_), std::nullopt) << "a small file has none";
  ASSERT_TRUE(fs::remove(home_ / "store" / object_path(whole.digest)));
  const std::string name = Uri{whole.digest, "", **manifest}.str();

  store(write("second", bytes.substr(kGen1ChunkBytes, kGen1ChunkBytes)));
  std::string part(3, ' ');
  const auto opened = session_.open(name, {}, progress_);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->kind, "chunks");
  EXPECT_EQ(opened->size, bytes.size());
  ASSERT_TRUE(read_exactly(*opened->file, kGen1ChunkBytes, std::as_writable_bytes(std::span(part))));
  EXPECT_EQ(part, "yxx") << "the chunk that is there is enough for what is in it";
  EXPECT_EQ(session_.locate(name, {}, progress_).error().code, Code::not_found);

  store(write("first", bytes.substr(0, kGen1ChunkBytes)));
  store(write("third", bytes.substr(2 * kGen1ChunkBytes)));
  const auto located = session_.locate(name, {}, progress_);
  ASSERT_TRUE(located) << located.error().message;
  EXPECT_EQ(content_of(located->path), bytes);

  const std::string forged = Uri{Hasher::of(Algorithm::sha1, as_bytes("other")), "", **manifest}.str();
  EXPECT_EQ(session_.locate(forged, {}, progress_).error().code, Code::corrupt);
}

}  // namespace
}  // namespace kachery
