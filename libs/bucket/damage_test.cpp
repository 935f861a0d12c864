// What a bad disk does to a bucket: crashes and failures at each step, power cuts, full disks, flipped bits.
#include <gtest/gtest.h>

#include <functional>

#include "bucket/bucket_fixture.h"
#include "os/faulty_directory.h"
#include "os/memory_directory.h"

namespace kachery {
namespace {

// Chunks of the default zone lie here. docs/formats/bucket.md.
std::string place_of(std::string_view bytes) {
  const std::string hex = sha256_of(bytes).hex();
  return "default/chunks/" + hex.substr(0, 2) + "/" + hex;
}

// Some way of writing, and what it writes.
struct Writing {
  const char* name;
  std::vector<std::string> chunks;
  std::function<Result<>(Bucket&)> write;
};

std::vector<std::string> patterns(std::size_t count) {
  std::vector<std::string> contents;
  contents.reserve(count);
  for (std::size_t i = 0; i < count; ++i) contents.push_back(pattern(40 + i));
  return contents;
}

Writing in_parts(const char* name, std::size_t size) {
  const std::string bytes = pattern(size);
  return {name, {bytes}, [bytes](Bucket& bucket) -> Result<> {
            KACHERY_TRY(put_in_parts(bucket, bytes));
            return {};
          }};
}

Writing as_batch(const char* name, std::size_t count) {
  const std::vector<std::string> contents = patterns(count);
  return {name, contents, [contents](Bucket& bucket) -> Result<> {
            KACHERY_TRY(put_batch(bucket, contents));
            return {};
          }};
}

// Synced one by one, and together; hashed by one thread, and by two.
const std::vector<Writing>& writings() {
  static const std::vector<Writing> kWritings{in_parts("an empty chunk", 0), in_parts("a small chunk", 100),
                                              in_parts("a large chunk", 2'100'001), as_batch("three", 3),
                                              as_batch("twenty", 20)};
  return kWritings;
}

void expect_whole_or_absent(Bucket& bucket, const Writing& writing, bool acknowledged,
                            const std::string& when) {
  for (const std::string& bytes : writing.chunks) {
    const auto seen = fetch(bucket, bytes);
    if (seen) EXPECT_EQ(*seen, bytes) << "torn: " << writing.name << ", " << when;
    if (acknowledged) EXPECT_TRUE(seen) << "acknowledged, then lost: " << writing.name << ", " << when;
  }
}

// After a restart the next call works with no manual step, and what was left is cleared away.
void expect_good_restart(Directory& disk, const Writing& writing, const std::string& when) {
  Bucket bucket(disk);
  ASSERT_TRUE(bucket.clear_temporaries()) << when;
  EXPECT_EQ(count_temporaries(disk), 0U) << when;
  const Result<> written = writing.write(bucket);
  ASSERT_TRUE(written) << writing.name << ", " << when << ": " << written.error().message;
  expect_whole_or_absent(bucket, writing, true, when);
}

TEST(BucketDamage, ACrashAtAnyStepLeavesWholeChunksOrNone) {
  for (const Writing& writing : writings()) {
    for (int crash_at = 0;; ++crash_at) {
      const std::string when = "step " + std::to_string(crash_at);
      MemoryDirectory disk;
      FaultyDirectory faulty(disk, crash_at);
      bool acknowledged = false;
      {
        Bucket bucket(faulty);
        acknowledged = writing.write(bucket).has_value();
      }
      for (const PowerCut kind : {PowerCut::keeps_synced_only, PowerCut::keeps_names}) {
        const auto after = disk.after_power_cut(kind);
        Bucket bucket(*after);
        expect_whole_or_absent(bucket, writing, acknowledged, "power cut at " + when);
        expect_good_restart(*after, writing, "power cut at " + when);
      }
      Bucket bucket(disk);
      expect_whole_or_absent(bucket, writing, acknowledged, when);
      expect_good_restart(disk, writing, when);
      EXPECT_TRUE(acknowledged || faulty.failed()) << writing.name << " failed by itself";
      if (!faulty.failed()) break;  // Every step has had its turn.
    }
  }
}

// A full disk, and any other failure of one step: an error is said, nothing is half there or left behind, and
// the same bucket goes on.
TEST(BucketDamage, AFailedStepIsAnErrorOrDoesNotMatter) {
  for (const Writing& writing : writings()) {
    for (const Code code : {Code::exhausted, Code::internal, Code::denied, Code::not_found}) {
      for (int fail_at = 0;; ++fail_at) {
        const std::string when = "failure at step " + std::to_string(fail_at);
        MemoryDirectory disk;
        FaultyDirectory faulty(disk, fail_at, Fault::error, code);
        Bucket bucket(faulty);
        const Result<> written = writing.write(bucket);
        Bucket seen(disk);
        expect_whole_or_absent(seen, writing, written.has_value(), when);
        if (written) {
          const auto cut = disk.after_power_cut(PowerCut::keeps_synced_only);
          Bucket after(*cut);
          expect_whole_or_absent(after, writing, true, when);
        } else {
          // Something that is suddenly not there any more looks like others who remove it.
          const bool looks_like_others = code == Code::not_found && written.error().code == Code::unavailable;
          EXPECT_TRUE(written.error().code == code || looks_like_others)
              << writing.name << ", " << when << ": " << written.error().message;
        }
        if (!faulty.failed()) break;
        EXPECT_EQ(count_temporaries(disk), 0U) << writing.name << ", " << when;
        EXPECT_TRUE(writing.write(bucket)) << writing.name << ", after a " << when;
      }
    }
  }
}

TEST(BucketDamage, AManifestIsDurableWhenItIsAcknowledged) {
  const Digest file = Hasher::of(Algorithm::sha1, as_bytes("file"));
  const std::string text = pattern(300);
  for (int crash_at = 0;; ++crash_at) {
    MemoryDirectory disk;
    FaultyDirectory faulty(disk, crash_at);
    Bucket bucket(faulty);
    const bool acknowledged = bucket.put_manifest(default_zone(), file, sha256_of(text), text).has_value();
    for (const PowerCut kind : {PowerCut::keeps_synced_only, PowerCut::keeps_names}) {
      const auto after = disk.after_power_cut(kind);
      Bucket next(*after);
      const auto opened = next.open_manifest(default_zone(), file, sha256_of(text));
      if (acknowledged) EXPECT_TRUE(opened) << crash_at;
      if (opened) EXPECT_EQ(content_of(**opened), text) << crash_at;
      EXPECT_TRUE(next.put_manifest(default_zone(), file, sha256_of(text), text)) << crash_at;
    }
    if (!faulty.failed()) break;
  }
}

// What another process wrote a moment ago, and has not synced yet, is durable before we say that it is there.
TEST(BucketDamage, WhatOthersLeftUnsyncedIsDurableWhenItIsAcknowledged) {
  for (const Writing& writing : writings()) {
    MemoryDirectory disk;
    for (const std::string& bytes : writing.chunks) {
      const std::string place = place_of(bytes);
      for (std::size_t slash = place.find('/'); slash != std::string::npos;
           slash = place.find('/', slash + 1))
        static_cast<void>(disk.make_directory(place.substr(0, slash)));
      const auto file = disk.create(place, Access::read_only);
      ASSERT_TRUE(file && (*file)->append(as_bytes(bytes)));
    }
    Bucket bucket(disk);
    ASSERT_TRUE(writing.write(bucket));
    const auto after = disk.after_power_cut(PowerCut::keeps_synced_only);
    Bucket next(*after);
    expect_whole_or_absent(next, writing, true, "power cut");
  }
}

TEST(BucketDamage, WhoSendsTheRightBytesMendsADamagedChunk) {
  const std::string bytes = pattern(700);
  for (const bool batch : {false, true}) {
    for (int crash_at = 0;; ++crash_at) {
      MemoryDirectory disk;
      Bucket before(disk);
      ASSERT_TRUE(put_in_parts(before, bytes));
      disk.flip_bit(place_of(bytes), 4321);
      ASSERT_NE(fetch(before, bytes), bytes);

      FaultyDirectory faulty(disk, crash_at);
      Bucket bucket(faulty);
      Result<KeptChunk> kept = fail(Code::internal, "");
      if (batch) {
        if (auto all = put_batch(bucket, {bytes})) kept = all->front();
      } else {
        kept = put_in_parts(bucket, bytes);
      }
      if (kept) {
        EXPECT_TRUE(kept->mended);
        EXPECT_FALSE(kept->existed);
        EXPECT_EQ(fetch(before, bytes), bytes);
        const auto cut = disk.after_power_cut(PowerCut::keeps_synced_only);
        Bucket after(*cut);
        EXPECT_EQ(fetch(after, bytes), bytes);
      }
      EXPECT_TRUE(fetch(before, bytes)) << "its place was empty for a moment";
      if (!faulty.failed()) break;
    }
  }
}

TEST(BucketDamage, AShortenedChunkIsMended) {
  const std::string bytes = pattern(700);
  MemoryDirectory disk;
  Bucket bucket(disk);
  ASSERT_TRUE(put_in_parts(bucket, bytes));
  ASSERT_TRUE(disk.remove(place_of(bytes)));
  ASSERT_TRUE(disk.create(place_of(bytes), Access::read_only));
  const auto kept = put_in_parts(bucket, bytes);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->mended);
  EXPECT_EQ(fetch(bucket, bytes), bytes);
}

TEST(BucketDamage, EveryFlippedBitIsFoundAndTheChunkIsPutAside) {
  const std::string bytes = pattern(1024);
  MemoryDirectory disk;
  Bucket bucket(disk);
  for (ByteCount bit = 0; bit < 8 * bytes.size(); bit += 7) {
    ASSERT_TRUE(put_in_parts(bucket, bytes));
    ASSERT_TRUE(bucket.check_chunk(default_zone(), sha256_of(bytes)));
    disk.flip_bit(place_of(bytes), bit);
    const auto checked = bucket.check_chunk(default_zone(), sha256_of(bytes));
    ASSERT_FALSE(checked) << bit;
    EXPECT_EQ(checked.error().code, Code::corrupt);
    ASSERT_EQ(fetch(bucket, bytes), std::nullopt) << "still served; bit " << bit;
  }
  EXPECT_EQ(disk.list("default/quarantine")->size(), (8 * bytes.size() + 6) / 7);
  ASSERT_TRUE(bucket.remove_zone(default_zone()));
  EXPECT_FALSE(disk.list("default")) << "with what was put aside";
}

TEST(BucketDamage, ARemovedZoneStaysAwayAfterAPowerCut) {
  MemoryDirectory disk;
  Bucket bucket(disk);
  for (const std::string& bytes : patterns(20)) ASSERT_TRUE(put_in_parts(bucket, bytes));
  const Digest file = sha256_of("file");
  ASSERT_TRUE(bucket.put_manifest(default_zone(), file, sha256_of("text"), "text"));
  ASSERT_TRUE(bucket.remove_zone(default_zone()));
  for (const PowerCut kind : {PowerCut::keeps_synced_only, PowerCut::keeps_names}) {
    const auto after = disk.after_power_cut(kind);
    Bucket next(*after);
    for (const std::string& bytes : patterns(20)) EXPECT_EQ(fetch(next, bytes), std::nullopt);
    EXPECT_FALSE(next.open_manifest(default_zone(), file, sha256_of("text")));
  }
}

}  // namespace
}  // namespace kachery
