// Stops the disk before its 1st, 2nd, ... step, then looks at what a restart, or a power cut, would find.
#include <gtest/gtest.h>

#include <functional>

#include "os/faulty_directory.h"
#include "store/store_fixture.h"

namespace kachery {
namespace {

// What is at the object's place: nothing, the right bytes, or wrong ones.
enum class Seen { nothing, whole, torn };

Seen look(const Directory& disk, const std::string& expected) {
  const auto file = disk.open(object_path(sha1_of(expected)));
  if (!file) return Seen::nothing;
  std::string bytes((*file)->stamp()->size, '\0');
  EXPECT_TRUE(read_exactly(**file, 0, std::as_writable_bytes(std::span(bytes))));
  return bytes == expected ? Seen::whole : Seen::torn;
}

using Prepare = std::function<void(MemoryDirectory&)>;

// Crashes one put at every step of it, after `prepare`.
void try_every_crash(const std::string& bytes, const Prepare& prepare) {
  for (int crash_at = 0;; ++crash_at) {
    MemoryDirectory disk;
    prepare(disk);
    FaultyDirectory faulty(disk, crash_at);
    bool acknowledged = false;
    {
      Store store = make_store(faulty);
      acknowledged = put(store, bytes).has_value();
    }
    if (acknowledged) EXPECT_EQ(look(disk, bytes), Seen::whole);
    EXPECT_NE(look(disk, bytes), Seen::torn) << "killed at step " << crash_at;

    for (const PowerCut kind : {PowerCut::keeps_synced_only, PowerCut::keeps_names}) {
      const auto after = disk.after_power_cut(kind);
      const Seen seen = look(*after, bytes);
      if (acknowledged) EXPECT_EQ(seen, Seen::whole) << "acknowledged, then lost; step " << crash_at;
      EXPECT_NE(seen, Seen::torn) << "power cut at step " << crash_at;
      Store next = make_store(*after);
      ASSERT_TRUE(put(next, bytes)) << "the next call must work; step " << crash_at;
      EXPECT_EQ(get(next, sha1_of(bytes)), bytes);
    }
    if (!faulty.failed()) break;  // Every step has had its turn.
  }
}

const Prepare kNothing = [](MemoryDirectory&) {};

TEST(StoreCrash, LeavesTheWholeObjectOrNone) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, kPieceBytes - 1, kPieceBytes, kPieceBytes + 1, 3 * kPieceBytes + 7})
    try_every_crash(pattern(size), kNothing);
}

// An older program, or a killed one, wrote the object and synced nothing; what we acknowledge is durable all
// the same.
TEST(StoreCrash, MakesDurableWhatOthersLeftUnsynced) {
  const std::string bytes = "left by others";
  for (int crash_at = 0;; ++crash_at) {
    MemoryDirectory disk;
    const std::string path = object_path(sha1_of(bytes));
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
      ASSERT_TRUE(disk.make_directory(path.substr(0, slash)));
    const auto file = disk.create(path, Access::read_only);
    ASSERT_TRUE(file && (*file)->append(as_bytes(bytes)));

    FaultyDirectory faulty(disk, crash_at);
    Store store = make_store(faulty);
    const bool acknowledged = put(store, bytes).has_value();
    if (acknowledged) EXPECT_EQ(look(*disk.after_power_cut(PowerCut::keeps_synced_only), bytes), Seen::whole);
    if (!faulty.failed()) break;
  }
}

// The damaged object must be replaced at once: its place is empty or right, never wrong again.
TEST(StoreCrash, ReplacesADamagedObjectWithoutServingIt) {
  const std::string bytes = pattern(3000);
  for (int crash_at = 0;; ++crash_at) {
    MemoryDirectory disk;
    {
      Store store = make_store(disk);
      ASSERT_TRUE(put(store, bytes));
    }
    disk.flip_bit(object_path(sha1_of(bytes)), 12'345);
    FaultyDirectory faulty(disk, crash_at);
    bool acknowledged = false;
    {
      Store store = make_store(faulty);
      acknowledged = put(store, bytes).has_value();
    }
    if (acknowledged) EXPECT_EQ(look(disk, bytes), Seen::whole);
    Store next = make_store(disk);
    ASSERT_TRUE(put(next, bytes));
    EXPECT_EQ(get(next, sha1_of(bytes)), bytes);
    EXPECT_TRUE(disk.list("quarantine")) << "damaged bytes are kept for people to look at";
    if (!faulty.failed()) break;
  }
}

// One step fails, with any code, and the program goes on: an error is said, and nothing is half there.
TEST(StoreCrash, AFailedStepIsAnErrorOrDoesNotMatter) {
  const std::string bytes = pattern(kPieceBytes + 100);
  for (const Code code : {Code::exhausted, Code::internal, Code::denied, Code::not_found}) {
    for (int fail_at = 0;; ++fail_at) {
      MemoryDirectory disk;
      FaultyDirectory faulty(disk, fail_at, Fault::error, code);
      Store store = make_store(faulty);
      const auto stored = put(store, bytes);
      if (stored)
        EXPECT_EQ(look(*disk.after_power_cut(PowerCut::keeps_synced_only), bytes), Seen::whole) << fail_at;
      EXPECT_NE(look(disk, bytes), Seen::torn) << fail_at;
      if (!faulty.failed()) break;
      EXPECT_TRUE(put(store, bytes)) << "the same store still works after a failure at " << fail_at;
    }
  }
}

TEST(StoreCrash, AWriterThatIsDroppedLeavesNothing) {
  MemoryDirectory disk;
  Store store = make_store(disk);
  {
    StoreWriter writer = store.create(Algorithm::sha1);
    ASSERT_TRUE(writer.append(as_bytes(pattern(2 * kPieceBytes))));
  }
  const auto entries = disk.list("tmp");
  ASSERT_TRUE(entries);
  for (const Entry& entry : *entries) {
    if (entry.kind != EntryKind::directory) continue;
    const auto left = disk.list("tmp/" + entry.name);
    ASSERT_TRUE(left);
    EXPECT_TRUE(left->empty()) << left->front().name;
  }
}

TEST(StoreCrash, ABrokenSourceLeavesNothing) {
  MemoryDirectory disk;
  Store store = make_store(disk);
  Progress progress;
  for (const ByteCount fail_after : {ByteCount{0}, ByteCount{kPieceBytes}, ByteCount{3 * kPieceBytes}}) {
    PatternSource source(pattern(5 * kPieceBytes), fail_after);
    const auto stored = store.put(source, Algorithm::sha1, progress);
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().message, "the source broke");
    EXPECT_FALSE(disk.list("sha1"));
  }
}

}  // namespace
}  // namespace kachery
