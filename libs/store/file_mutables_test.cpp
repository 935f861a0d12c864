#include "store/file_mutables.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>
#include <map>

#include "core/text.h"
#include "os/faulty_directory.h"
#include "os/memory_directory.h"

namespace kachery {
namespace {

FileMutables over(Directory& own) {
  return {&own, {}, system_clock()};
}

std::string get(const FileMutables& mutables, const std::string& key) {
  const auto value = mutables.get(key);
  return !value ? "(" + value.error().message + ")" : value->value_or("(none)");
}

std::string message_of(const Result<>& outcome) {
  return outcome ? "" : outcome.error().message;
}

std::string keys(const FileMutables& mutables) {
  const auto list = mutables.list();
  if (!list) return "(" + list.error().message + ")";
  std::string keys;
  for (const std::string& key : *list) keys += key + " ";
  return keys;
}

TEST(FileMutables, KeepWhatWasSet) {
  MemoryDirectory disk;
  FileMutables mutables = over(disk);
  for (const char* key : {"a", "@b/c", "@b/@d/e", "\u00e9", "...", "@/x", "a@"}) {
    EXPECT_EQ(get(mutables, key), "(none)");
    EXPECT_TRUE(mutables.set(key, "first"));
    EXPECT_TRUE(mutables.set(key, std::string("v\0\r\n", 4) + key));
    EXPECT_EQ(get(mutables, key), std::string("v\0\r\n", 4) + key);
  }
  EXPECT_EQ(keys(mutables), "... @/x @b/@d/e @b/c a a@ \u00e9 ");
  EXPECT_TRUE(disk.open("mutables/@b/@d/e")) << "where kachery_cloud looks";
  EXPECT_TRUE(mutables.remove("@b/c"));
  EXPECT_EQ(get(mutables, "@b/c"), "(none)");
  EXPECT_EQ(get(mutables, "@b/@d/e").substr(4), "@b/@d/e");
  EXPECT_TRUE(mutables.remove_folder("@b"));
  EXPECT_EQ(keys(mutables), "... @/x a a@ \u00e9 ");
}

// What kachery_cloud 0.4.10 said to the same calls; scripts may look for it.
TEST(FileMutables, SayWhatTheSecondGenerationSaid) {
  MemoryDirectory disk;
  FileMutables mutables = over(disk);
  ASSERT_TRUE(mutables.set("@a/@b/c", "x"));
  for (const std::string key : {"@a", "a/b", "", "/", "/a", "@a/", "@a//b", "@a/..", "..", ".", "@a/.", "@",
                                "@a/@b", "@..", "@../x", "a/@b/c"}) {
    EXPECT_EQ(message_of(mutables.set(key, "v")), "Invalid mutable key: " + key);
    EXPECT_EQ(get(mutables, key), "(Invalid mutable key: " + key + ")");
  }
  EXPECT_FALSE(mutables.set(std::string("a\0b", 3), "v"));
  EXPECT_EQ(message_of(mutables.remove("a/b")), "Invalid mutable key: a/b");
  EXPECT_EQ(message_of(mutables.remove("@a")), "Mutable key is a folder: @a");
  EXPECT_EQ(message_of(mutables.remove("@a/@b")), "Mutable key is a folder: @a/@b");
  EXPECT_EQ(message_of(mutables.remove("@a/nope")), "Mutable does not exist: @a/nope");
  EXPECT_EQ(message_of(mutables.remove("@none/x")), "Mutable does not exist: @none/x");
  EXPECT_EQ(mutables.remove("nope").error().code, Code::not_found);
  EXPECT_EQ(message_of(mutables.remove_folder("a")), "Not a mutable folder: a");
  EXPECT_EQ(message_of(mutables.remove_folder("@a/")), "Not a mutable folder: @a/");
  EXPECT_EQ(message_of(mutables.remove_folder("..")), "Not a mutable folder: ..");
  EXPECT_EQ(message_of(mutables.remove_folder("")), "Not a mutable folder: ");
  EXPECT_EQ(message_of(mutables.remove_folder("@a/../@b")), "Invalid mutable folder key: @a/../@b");
  EXPECT_EQ(message_of(mutables.remove_folder("@nope")), "Mutable folder does not exist: @nope");
  EXPECT_EQ(keys(mutables), "@a/@b/c ");
}

// Whatever the key is, it is refused, or it is a file under mutables/ and is listed by its name.
TEST(FileMutables, NeverLeaveTheirFolder) {
  EXPECT_TRUE(rc::check([] {
    const auto key =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string("@@//..ab\0\n\xFF", 12)));
    MemoryDirectory disk;
    FileMutables mutables = over(disk);
    if (!mutables.set(key, "v")) {
      RC_ASSERT(keys(mutables).empty());
      return;
    }
    RC_ASSERT(get(mutables, key) == "v");
    RC_ASSERT(*mutables.list() == std::vector<std::string>{key});
    for (const Entry& entry : *disk.list("")) RC_ASSERT(entry.name == "mutables" || entry.name == "tmp");
  }));
}

TEST(FileMutables, NeedNoStoreToBeLookedFor) {
  FileMutables mutables(nullptr, {}, system_clock());
  EXPECT_EQ(get(mutables, "a"), "(none)");
  EXPECT_EQ(keys(mutables), "");
  EXPECT_EQ(message_of(mutables.remove("a")), "Mutable does not exist: a");
  EXPECT_EQ(message_of(mutables.remove_folder("@a")), "Mutable folder does not exist: @a");
}

TEST(FileMutables, OfOlderDirectoriesAreFoundAndNeverChanged) {
  MemoryDirectory older;
  ASSERT_TRUE(over(older).set("@a/k", "old"));
  ASSERT_TRUE(over(older).set("@a/both", "old"));
  ASSERT_TRUE(over(older).set("@compute_sha1_cache/x", "{}"));
  const auto stamp = older.stamp("mutables/@a/k");

  MemoryDirectory disk;
  FileMutables mutables(&disk, {&older}, system_clock());
  EXPECT_EQ(get(mutables, "@a/k"), "old");
  ASSERT_TRUE(mutables.set("@a/both", "new"));
  EXPECT_EQ(get(mutables, "@a/both"), "new");
  EXPECT_EQ(keys(mutables), "@a/both @a/k ") << "without what older programs kept there for themselves";

  for (const char* key : {"@a/k", "@a/both"}) {
    const auto removed = mutables.remove(key);
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, Code::denied) << "it would still be there";
    EXPECT_TRUE(removed.error().message.contains("(memory)/mutables")) << removed.error().message;
  }
  EXPECT_EQ(mutables.remove_folder("@a").error().code, Code::denied);
  EXPECT_EQ(get(mutables, "@a/both"), "new") << "and nothing was deleted";
  EXPECT_EQ(*older.stamp("mutables/@a/k"), *stamp);
}

// Stops the disk before its 1st, 2nd, ... step: a value is the old or the new one, whole, and the new one
// when the call returned.
TEST(FileMutablesCrash, LeavesTheOldValueOrTheNew) {
  for (const std::string key : {"k", "@a/@b/k"}) {
    for (const bool had_value : {false, true}) {
      for (int crash_at = 0;; ++crash_at) {
        MemoryDirectory disk;
        if (had_value) ASSERT_TRUE(over(disk).set(key, "old value"));
        FaultyDirectory faulty(disk, crash_at);
        const bool acknowledged = over(faulty).set(key, "new").has_value();
        const std::string before = had_value ? "old value" : "(none)";
        for (const PowerCut kind : {PowerCut::keeps_synced_only, PowerCut::keeps_names}) {
          const auto after = disk.after_power_cut(kind);
          const std::string value = get(over(*after), key);
          EXPECT_TRUE(value == "new" || (value == before && !acknowledged)) << value << " at " << crash_at;
          EXPECT_TRUE(over(*after).set(key, "next")) << "the next call must work; step " << crash_at;
        }
        if (!faulty.failed()) break;
      }
    }
  }
}

TEST(FileMutablesCrash, WhatWasDeletedStaysDeleted) {
  const std::map<std::string, std::function<Result<>(FileMutables&)>> ways{
      {"key", [](FileMutables& mutables) { return mutables.remove("@a/@b/k"); }},
      {"folder", [](FileMutables& mutables) { return mutables.remove_folder("@a/@b"); }}};
  for (const auto& [name, remove] : ways) {
    for (int crash_at = 0;; ++crash_at) {
      MemoryDirectory disk;
      ASSERT_TRUE(over(disk).set("@a/@b/k", "value"));
      ASSERT_TRUE(over(disk).set("@a/stays", "value"));
      FaultyDirectory faulty(disk, crash_at);
      FileMutables mutables = over(faulty);
      const bool acknowledged = remove(mutables).has_value();
      for (const PowerCut kind : {PowerCut::keeps_synced_only, PowerCut::keeps_names}) {
        const auto after = disk.after_power_cut(kind);
        const std::string value = get(over(*after), "@a/@b/k");
        EXPECT_TRUE(value == "(none)" || (value == "value" && !acknowledged)) << name << " at " << crash_at;
        EXPECT_EQ(get(over(*after), "@a/stays"), "value");
      }
      if (!faulty.failed()) break;
    }
  }
}

// One step fails, and the program goes on: an error is said, or it does not matter.
TEST(FileMutablesCrash, AFailedStepLosesNothing) {
  for (const Code code : {Code::exhausted, Code::internal, Code::denied, Code::not_found}) {
    for (int fail_at = 0;; ++fail_at) {
      MemoryDirectory disk;
      ASSERT_TRUE(over(disk).set("@a/k", "old"));
      FaultyDirectory faulty(disk, fail_at, Fault::error, code);
      FileMutables mutables = over(faulty);
      const bool acknowledged = mutables.set("@a/k", "new").has_value();
      const std::string value = get(over(*disk.after_power_cut(PowerCut::keeps_synced_only)), "@a/k");
      EXPECT_TRUE(value == "new" || (value == "old" && !acknowledged)) << value << " at " << fail_at;
      if (!faulty.failed()) break;
      EXPECT_TRUE(mutables.set("@a/k", "again")) << "the same object still works";
    }
  }
}

}  // namespace
}  // namespace kachery
