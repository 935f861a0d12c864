// The durability order, tried at every step: what was acknowledged survives a power cut, what is visible is
// whole.
#include "os/publish.h"

#include <gtest/gtest.h>

#include "os/faulty_directory.h"
#include "os/memory_directory.h"

namespace kachery {
namespace {

std::string text_of(const Directory& directory, const std::string& path) {
  const auto file = directory.open(path);
  if (!file) return "(none)";
  std::string text((*file)->stamp()->size, '\0');
  EXPECT_TRUE(read_exactly(**file, 0, std::as_writable_bytes(std::span(text))));
  return text;
}

Result<> write(Directory& directory, const std::string& path, std::string_view text, Sync sync) {
  KACHERY_TRY(file, directory.create(path, Access::read_only));
  KACHERY_TRY(file->append(as_bytes(text)));
  if (sync == Sync::each) KACHERY_TRY(file->sync());
  return {};
}

// Three files in folders of different depth, as one batch.
Result<> publish_three(Directory& directory, Sync sync) {
  std::vector<Publication> publications;
  for (const char* place : {"a/b/one", "a/two", "three"}) {
    const std::string temporary = "t" + std::to_string(publications.size());
    KACHERY_TRY(write(directory, temporary, place, sync));
    publications.push_back({temporary, place});
  }
  KACHERY_TRY(publish(directory, publications, sync, 1));
  return {};
}

void try_every_crash(Sync sync) {
  for (int crash_at = 0;; ++crash_at) {
    MemoryDirectory disk;
    FaultyDirectory faulty(disk, crash_at);
    const bool acknowledged = publish_three(faulty, sync).has_value();
    for (const PowerCut kind : {PowerCut::keeps_synced_only, PowerCut::keeps_names}) {
      const auto after = disk.after_power_cut(kind);
      for (const std::string place : {"a/b/one", "a/two", "three"}) {
        const std::string text = text_of(*after, place);
        if (acknowledged) EXPECT_EQ(text, place) << "acknowledged, then lost; crash at " << crash_at;
        EXPECT_TRUE(text == place || text == "(none)") << "torn: " << text << "; crash at " << crash_at;
      }
    }
    if (!faulty.failed()) break;
  }
}

TEST(Publish, SurvivesAPowerCutAtEveryStepFileByFile) {
  try_every_crash(Sync::each);
}
TEST(Publish, SurvivesAPowerCutAtEveryStepTogether) {
  try_every_crash(Sync::together);
}

// The test above can fail: without the syncs of the directories an acknowledged file is lost.
TEST(Publish, WouldLoseFilesWithoutItsSyncs) {
  MemoryDirectory disk;
  ASSERT_TRUE(write(disk, "t", "text", Sync::each));
  ASSERT_TRUE(disk.rename("t", "x", Replace::no));
  EXPECT_EQ(text_of(*disk.after_power_cut(PowerCut::keeps_synced_only), "x"), "(none)");
}

// Another process made the folder a moment ago and was killed before it synced it.
TEST(Publish, MakesFoldersOfOthersDurable) {
  MemoryDirectory disk;
  ASSERT_TRUE(disk.make_directory("a"));
  ASSERT_TRUE(disk.make_directory("a/b"));
  ASSERT_TRUE(publish_three(disk, Sync::each));
  EXPECT_EQ(text_of(*disk.after_power_cut(PowerCut::keeps_synced_only), "a/b/one"), "a/b/one");
}

TEST(Publish, LeavesAloneWhatIsThere) {
  MemoryDirectory disk;
  ASSERT_TRUE(write(disk, "x", "old", Sync::each));
  ASSERT_TRUE(write(disk, "t", "new", Sync::each));
  const Publication publication{"t", "x"};
  const auto outcome = publish(disk, {&publication, 1}, Sync::each, 1);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->front(), Published::existed);
  EXPECT_EQ(text_of(disk, "x"), "old");
  EXPECT_EQ(text_of(disk, "t"), "new") << "the temporary stays for the caller";
}

TEST(MakeDurable, CoversTheFileAndItsFolders) {
  MemoryDirectory disk;
  ASSERT_TRUE(disk.make_directory("a"));
  ASSERT_TRUE(write(disk, "a/x", "text", Sync::together));  // Not synced.
  const std::string path = "a/x";
  ASSERT_TRUE(make_durable(disk, {&path, 1}, Sync::each));
  EXPECT_EQ(text_of(*disk.after_power_cut(PowerCut::keeps_synced_only), "a/x"), "text");
}

}  // namespace
}  // namespace kachery
