#include "bucket/bucket.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>
#include <map>

#include "bucket/bucket_fixture.h"
#include "os/memory_directory.h"
#include "os/parallel.h"
#include "os/random.h"

namespace kachery {
namespace {

using std::filesystem::path;

// What every bucket must do, on whatever it is built.
class BucketContract : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    if (GetParam() == "memory") {
      disk_ = std::make_unique<MemoryDirectory>();
    } else {
      place_ = std::filesystem::temp_directory_path() / ("kachery-bucket-" + random_hex(8));
      auto disk = open_directory(place_, Missing::create);
      ASSERT_TRUE(disk) << disk.error().message;
      disk_ = *std::move(disk);
    }
    bucket_.emplace(*disk_);
  }
  void TearDown() override {
    bucket_.reset();
    disk_.reset();
    if (!place_.empty()) std::filesystem::remove_all(place_);
  }

  Bucket& bucket() { return *bucket_; }
  Directory& disk() { return *disk_; }

 private:
  path place_;
  std::unique_ptr<Directory> disk_;
  std::optional<Bucket> bucket_;
};

INSTANTIATE_TEST_SUITE_P(, BucketContract, testing::Values("memory", "real"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(BucketContract, AChunkThatCameInPartsIsThereWhole) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{5'000'007}}) {
    const std::string bytes = pattern(size);
    auto writer = bucket().create(default_zone(), size);
    ASSERT_TRUE(writer) << writer.error().message;
    for (std::size_t done = 0; done < size; done += 2'000'000)
      ASSERT_TRUE(writer->append(as_bytes(std::string_view(bytes).substr(done, 2'000'000))));
    EXPECT_EQ(fetch(bucket(), bytes), std::nullopt) << "visible before it is complete";
    const auto kept = writer->commit(sha256_of(bytes));
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_EQ(kept->sha256, sha256_of(bytes));
    EXPECT_EQ(kept->sha1, Hasher::of(Algorithm::sha1, as_bytes(bytes)));
    EXPECT_EQ(kept->size, size);
    EXPECT_FALSE(kept->existed);
    EXPECT_FALSE(kept->mended);
    EXPECT_EQ(fetch(bucket(), bytes), bytes);
    EXPECT_EQ(count_temporaries(disk()), 0U);
  }
}

TEST_P(BucketContract, OtherBytesThanTheNameSaysLeaveNothing) {
  auto writer = bucket().create(default_zone(), 11);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(as_bytes("these bytes")));
  const auto kept = writer->commit(sha256_of("other bytes"));
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, Code::corrupt);
  writer = bucket().create(default_zone(), 11);  // Ends the first one.
  EXPECT_EQ(count_temporaries(disk()), 1U);
  EXPECT_EQ(fetch(bucket(), "these bytes"), std::nullopt);
  EXPECT_EQ(fetch(bucket(), "other bytes"), std::nullopt);
}

TEST_P(BucketContract, AWriterThatIsDroppedLeavesNothing) {
  {
    auto writer = bucket().create(default_zone(), 1000);
    ASSERT_TRUE(writer && writer->append(as_bytes(pattern(1000))));
    EXPECT_EQ(count_temporaries(disk()), 1U);
  }
  EXPECT_EQ(count_temporaries(disk()), 0U);
}

TEST_P(BucketContract, WhatKilledProcessesLeftIsClearedAtTheStart) {
  ASSERT_TRUE(bucket().clear_temporaries());
  ASSERT_TRUE(put_in_parts(bucket(), "kept"));
  ASSERT_TRUE(disk().create(".tmp/left", Access::read_only));
  ASSERT_TRUE(bucket().clear_temporaries());
  EXPECT_EQ(count_temporaries(disk()), 0U);
  EXPECT_EQ(fetch(bucket(), "kept"), "kept");
}

TEST_P(BucketContract, TheSecondOfTwoEqualChunksIsSaidToBeThere) {
  ASSERT_TRUE(put_in_parts(bucket(), "twice"));
  const auto again = put_in_parts(bucket(), "twice");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->existed);
  const auto batch = put_batch(bucket(), {"twice", "once", "once"});
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->at(0).existed);
  EXPECT_FALSE(batch->at(1).existed);
  EXPECT_TRUE(batch->at(2).existed);
  EXPECT_EQ(fetch(bucket(), "once"), "once");
  EXPECT_EQ(count_temporaries(disk()), 0U);
}

TEST_P(BucketContract, ABatchAnswersInTheOrderOfItsContents) {
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, std::size_t{16}, std::size_t{17}, std::size_t{500}}) {
    std::vector<std::string> contents;
    contents.reserve(count);
    for (std::size_t i = 0; i < count; ++i) contents.push_back(pattern(i % 250 * 7));
    const auto kept = put_batch(bucket(), contents);
    ASSERT_TRUE(kept) << kept.error().message;
    ASSERT_EQ(kept->size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(kept->at(i).sha256, sha256_of(contents[i]));
      EXPECT_EQ(kept->at(i).sha1, Hasher::of(Algorithm::sha1, as_bytes(contents[i])));
      EXPECT_EQ(kept->at(i).size, contents[i].size());
      EXPECT_EQ(fetch(bucket(), contents[i]), contents[i]);
    }
  }
}

// The names of the bucket's own folders, and names that differ in case only.
TEST_P(BucketContract, ZonesSeeNothingOfEachOther) {
  const std::vector<std::string_view> names{"default", "lab", "Lab",        "LAB", "tmp",    "chunks",
                                            "a.b",     "a-",  "quarantine", "4c",  "4Cab_.", "manifests"};
  for (const std::string_view name : names) {
    const ZoneName zone = *ZoneName::parse(name);
    EXPECT_EQ(fetch(bucket(), "shared", zone), std::nullopt) << name;
    const auto kept = put_in_parts(bucket(), "shared", zone);
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_FALSE(kept->existed) << name;
  }
  const ZoneName removed = *ZoneName::parse("Lab");
  ASSERT_TRUE(bucket().remove_zone(removed));
  for (const std::string_view name : names) {
    const ZoneName zone = *ZoneName::parse(name);
    EXPECT_EQ(fetch(bucket(), "shared", zone).has_value(), zone != removed) << name;
  }
}

TEST_P(BucketContract, AManifestIsKeptBelowItsFile) {
  const Digest file = Hasher::of(Algorithm::sha1, as_bytes("file"));
  const Digest other = sha256_of("file");
  const std::string text = "the root";
  const Digest name = sha256_of(text);
  EXPECT_EQ(bucket().put_manifest(default_zone(), file, name, "another").error().code, Code::corrupt);
  EXPECT_EQ(bucket().open_manifest(default_zone(), file, name).error().code, Code::not_found);
  ASSERT_TRUE(bucket().put_manifest(default_zone(), file, name, text));
  ASSERT_TRUE(bucket().put_manifest(default_zone(), file, name, text)) << "twice is the same as once";
  ASSERT_TRUE(bucket().put_manifest(default_zone(), file, sha256_of("second"), "second"));
  const auto opened = bucket().open_manifest(default_zone(), file, name);
  ASSERT_TRUE(opened);
  EXPECT_EQ(content_of(**opened), text);
  EXPECT_EQ(bucket().open_manifest(default_zone(), other, name).error().code, Code::not_found);
  EXPECT_EQ(bucket().open_chunk(default_zone(), name).error().code, Code::not_found);
  ASSERT_TRUE(bucket().remove_manifest(default_zone(), file, name));
  ASSERT_TRUE(bucket().remove_manifest(default_zone(), file, name))
      << "nothing happens where it is not there";
  EXPECT_EQ(bucket().open_manifest(default_zone(), file, name).error().code, Code::not_found);
  EXPECT_TRUE(bucket().open_manifest(default_zone(), file, sha256_of("second")));
  ASSERT_TRUE(bucket().remove_manifest(default_zone(), file, sha256_of("second")));
  ASSERT_TRUE(bucket().put_manifest(default_zone(), file, name, text)) << "after its folder went";
}

TEST_P(BucketContract, AMessageAboutWhatIsMissingDoesNotTellWhereTheBucketIs) {
  const auto missing = bucket().open_chunk(default_zone(), sha256_of("missing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_EQ(missing.error().message.find(disk().name()), std::string::npos) << missing.error().message;
  EXPECT_EQ(bucket().check_chunk(default_zone(), sha256_of("missing")).error().code, Code::not_found);
  EXPECT_TRUE(bucket().remove_chunk(default_zone(), sha256_of("missing")));
  EXPECT_TRUE(bucket().remove_zone(*ZoneName::parse("missing")));
}

TEST_P(BucketContract, EachChunkIsVisitedOnce) {
  std::map<Digest, int> expected;
  const auto kept = put_batch(bucket(), {"one", "two", "three", "four"});
  ASSERT_TRUE(kept);
  for (const KeptChunk& chunk : *kept) expected[chunk.sha256] = 1;
  ASSERT_TRUE(put_in_parts(bucket(), "elsewhere", *ZoneName::parse("other")));
  std::map<Digest, int> visited;
  const auto visit = [&](const Digest& sha256) -> Result<> {
    ++visited[sha256];
    return {};
  };
  ASSERT_TRUE(bucket().each_chunk(default_zone(), visit));
  EXPECT_EQ(visited, expected);
  EXPECT_TRUE(bucket().each_chunk(*ZoneName::parse("missing"), visit));
  const auto stop = [](const Digest&) -> Result<> { return fail(Code::cancelled, "stopped"); };
  EXPECT_EQ(bucket().each_chunk(default_zone(), stop).error().code, Code::cancelled);
}

TEST_P(BucketContract, EachManifestIsVisitedOnce) {
  const std::vector<std::string> texts{"one", "two"};
  const std::array files{sha256_of("file"), Digest::parse(Algorithm::sha1, std::string(40, 'a')).value()};
  std::map<std::pair<Digest, Digest>, int> expected;
  for (const Digest& file : files) {
    for (const std::string& text : texts) {
      ASSERT_TRUE(bucket().put_manifest(default_zone(), file, sha256_of(text), text));
      expected[{file, sha256_of(text)}] = 1;
    }
  }
  ASSERT_TRUE(put_in_parts(bucket(), "a chunk is none"));
  std::map<std::pair<Digest, Digest>, int> visited;
  const auto visit = [&](const Digest& file, const Digest& manifest) -> Result<> {
    ++visited[{file, manifest}];
    return {};
  };
  ASSERT_TRUE(bucket().each_manifest(default_zone(), visit));
  EXPECT_EQ(visited, expected);
  EXPECT_TRUE(bucket().each_manifest(*ZoneName::parse("missing"), visit));
}

TEST_P(BucketContract, AWholeManifestStaysWhenItIsChecked) {
  const Digest file = sha256_of("file");
  ASSERT_TRUE(bucket().put_manifest(default_zone(), file, sha256_of("text"), "text"));
  EXPECT_TRUE(bucket().check_manifest(default_zone(), file, sha256_of("text")));
  EXPECT_TRUE(bucket().open_manifest(default_zone(), file, sha256_of("text")));
  EXPECT_EQ(bucket().check_manifest(default_zone(), file, sha256_of("other")).error().code, Code::not_found);
}

// Everybody writes and removes the same few chunks: each write succeeds, and nothing is ever half there.
TEST_P(BucketContract, ManyAtOnceNeverSeeHalfAChunk) {
  const std::vector<std::string> contents{pattern(10), pattern(5000), pattern(70'000)};
  const auto work = [&](std::size_t i) -> Result<> {
    const std::string& bytes = contents[i % contents.size()];
    if (i % 5 == 0) return bucket().remove_chunk(default_zone(), sha256_of(bytes));
    if (i % 5 == 1) KACHERY_TRY(put_batch(bucket(), contents));
    if (i % 5 != 1) KACHERY_TRY(put_in_parts(bucket(), bytes));
    const auto seen = bucket().open_chunk(default_zone(), sha256_of(bytes));
    if (seen && content_of(**seen) != bytes) return fail(Code::internal, "half a chunk");
    return {};
  };
  const auto done = parallel_for(200, 4, work);
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(count_temporaries(disk()), 0U);
}

// Whatever is done in whatever order, the bucket holds what a map would.
TEST(Bucket, BehavesLikeAMap) {
  MemoryDirectory disk;
  Bucket bucket(disk);
  EXPECT_TRUE(rc::check([&] {
    const ZoneName zone = *ZoneName::parse("z" + random_hex(8));
    std::map<std::string, bool> expected;
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 4), rc::gen::inRange(0, 6)));
    for (const auto& [action, number] : steps) {
      const std::string bytes = pattern(static_cast<std::size_t>(number) * 31);
      const bool was_there = expected[bytes];
      if (action == 0) {
        const auto kept = put_in_parts(bucket, bytes, zone);
        RC_ASSERT(bool(kept));
        RC_ASSERT(kept->existed == was_there);
      }
      if (action == 1) {
        const auto kept = put_batch(bucket, {bytes}, zone);
        RC_ASSERT(bool(kept));
        RC_ASSERT(kept->front().existed == was_there);
      }
      if (action == 2) RC_ASSERT(bool(bucket.remove_chunk(zone, sha256_of(bytes))));
      if (action == 3) RC_ASSERT(bool(bucket.check_chunk(zone, sha256_of(bytes))) == was_there);
      if (action < 2) expected[bytes] = true;
      if (action == 2) expected[bytes] = false;
    }
    for (const auto& [bytes, there] : expected)
      RC_ASSERT(fetch(bucket, bytes, zone) == (there ? std::optional(bytes) : std::nullopt));
    RC_ASSERT(bool(bucket.remove_zone(zone)));
  }));
}

}  // namespace
}  // namespace kachery
