#include "hub/catalog/upkeep.h"

#include <algorithm>

#include "hub/catalog/upload_fixture.h"

namespace kachery::hub {
namespace {

using UpkeepTest = UploadTest;

TEST_F(UpkeepTest, CollectsOnlyWhatNothingNeeds) {
  ASSERT_EQ(store(alice(), "kept"), "stored");
  ASSERT_EQ(store(alice(), Large({"one", "two"})), "stored");
  ASSERT_EQ(store(bob(), Large({"two", "three"})), "stored");
  const UploadState open = begin(carol(), whole("coming"));
  must(uploads().note_sent(open.id, sent("coming")));
  EXPECT_TRUE(collect().empty());
  EXPECT_TRUE(remove(bob(), Large({"two", "three"}).digest));
  EXPECT_TRUE(collect().empty()) << "the lease of the upload is not over";
  must(upkeep().expire_uploads(kNow + kHourMs - 1));
  EXPECT_TRUE(collect().empty());
  must(upkeep().expire_uploads(kNow + kHourMs));
  const auto garbage = collect();
  EXPECT_EQ(garbage.size(), 4U) << "\"three\", its page, its manifest, and \"coming\"";
  EXPECT_TRUE(std::ranges::find(garbage, sha256_of("two")) == garbage.end()) << "alice has it in a file";
  EXPECT_TRUE(find(sha1_of("kept")));
  EXPECT_TRUE(collect().empty());
}

TEST_F(UpkeepTest, EveryCallProlongsALease) {
  const Large large({"one", "two"});
  const UploadState open = begin(bob(), large.request());
  must(uploads().expect_chunks(bob(), open.id, large.request().chunks, kNow + kHourMs / 2));
  EXPECT_EQ(must(upkeep().expire_uploads(kNow + kHourMs)), 0U);
  EXPECT_EQ(must(upkeep().expire_uploads(kNow + 2 * kHourMs)), 1U);
  EXPECT_EQ(bytes_of(bob()), 0U);
  EXPECT_TRUE(fault(uploads().note_sent(open.id, sent("one"))).starts_with("not_found"));
}

// What has suffered in the bucket is wanted again, and only that.
TEST_F(UpkeepTest, WhatWasLostIsSentAnew) {
  ASSERT_EQ(store(alice(), "hello"), "stored");
  EXPECT_EQ(store(alice(), "hello"), "present");
  must(upkeep().note_lost(zone("lab"), sha256_of("hello"), std::nullopt));
  const UploadState again = begin(alice(), whole("hello"));
  EXPECT_EQ(word(again), "open");
  EXPECT_EQ(again.here, std::vector<bool>{false});
  must(uploads().note_sent(again.id, sent("hello")));
  EXPECT_EQ(word(commit(alice(), {again.id, {}, {}, {}})), "present") << "it was this user's all the time";
  EXPECT_EQ(word(begin(alice(), whole("hello"))), "present");

  const Large large({"one", "two"});
  ASSERT_EQ(store(alice(), large), "stored");
  must(upkeep().note_lost(zone("lab"), sha256_of("two"), std::nullopt));
  EXPECT_TRUE(must(upkeep().unchecked(10)).empty()) << "it cannot be checked now";
  const UploadState begun = begin(alice(), large.request());
  EXPECT_EQ(begun.here, (std::vector<bool>{true, true, false}));
  must(uploads().note_sent(begun.id, sent("two")));
  EXPECT_EQ(word(commit(alice(), large.commit(begun.id))), "present");
  EXPECT_EQ(must(upkeep().unchecked(10)).size(), 1U);
  EXPECT_EQ(store(alice(), large), "present");

  must(upkeep().note_lost(zone("lab"), large.name(), large.digest));
  EXPECT_EQ(word(begin(alice(), large.request())), "open");
  const ByteCount bytes = bytes_of(alice());
  must(upkeep().note_lost(zone("lab"), sha256_of("nobody has it"), std::nullopt));
  EXPECT_EQ(bytes_of(alice()), bytes);
}

TEST_F(UpkeepTest, ManifestsThatNobodyKnowsBecomeGarbage) {
  const Large large({"one", "two"});
  ASSERT_EQ(store(alice(), large), "stored");
  const std::vector<std::pair<Digest, Digest>> found{{large.digest, large.name()},
                                                     {large.digest, sha256_of("refused")}};
  EXPECT_EQ(must(upkeep().note_found(zone("lab"), found)), 1U);
  EXPECT_EQ(collect(), std::vector<Digest>{sha256_of("refused")});
}

TEST_F(UpkeepTest, ClaimsAreGivenOutOneBehindTheOther) {
  for (const char* text : {"a", "b", "c"}) ASSERT_EQ(store(alice(), Large({text, "x"})), "stored");
  std::vector<Digest> seen;
  for (std::int64_t after = 0;;) {
    const auto claims = must(upkeep().unchecked(2, after));
    if (claims.empty()) break;
    for (const ClaimRecord& claim : claims) seen.push_back(claim.digest);
    after = claims.back().number;
  }
  EXPECT_EQ(seen,
            (std::vector{Large({"a", "x"}).digest, Large({"b", "x"}).digest, Large({"c", "x"}).digest}));
}

// From the moment that a chunk is to be deleted until it is, nobody can count on it.
TEST_F(UpkeepTest, WhatIsBeingDeletedIsRefusedAndThenSentAnew) {
  ASSERT_EQ(store(alice(), "hello"), "stored");
  EXPECT_TRUE(remove(alice(), sha1_of("hello")));
  must(upkeep().expire_uploads(kNow + kHourMs));
  const Garbage garbage = must(upkeep().collect(10));
  ASSERT_EQ(garbage.chunks.size(), 1U);
  EXPECT_EQ(word(begin(alice(), whole("hello"))), "unavailable");
  EXPECT_EQ(word(add_small(alice(), "hello")), "unavailable");
  EXPECT_EQ(bytes_of(alice()), 0U);
  reopen();  // Whoever was deleting died.
  EXPECT_EQ(must(upkeep().collect(10)).chunks, garbage.chunks) << "what was not finished is given out again";
  must(upkeep().collected(garbage));
  const UploadState begun = begin(alice(), whole("hello"));
  EXPECT_EQ(word(begun), "open");
  EXPECT_EQ(begun.here, std::vector<bool>{false});
  must(upkeep().collected(garbage));
  must(uploads().note_sent(begun.id, sent("hello")));
  EXPECT_EQ(word(commit(alice(), {begun.id, {}, {}, {}})), "stored");
}

// Small files are put into the bucket without a lease: one that lay there may be gone when it is noted.
TEST_F(UpkeepTest, ASmallFileIsNotNotedIfItsBytesMayBeGone) {
  ASSERT_EQ(word(add_small(alice(), "hello")), "stored");
  EXPECT_TRUE(remove(alice(), sha1_of("hello")));
  const Collections before = must(uploads().collections());
  EXPECT_EQ(collect().size(), 1U);
  const SmallUpload small{sha1_of("hello"), sent("hello")};
  EXPECT_EQ(word(must(uploads().add_small(alice(), {&small, 1}, before, kNow)).at(0)), "unavailable");
  const Collections after = must(uploads().collections());
  EXPECT_EQ(word(must(uploads().add_small(alice(), {&small, 1}, after, kNow)).at(0)), "stored");
}

TEST_F(UpkeepTest, WhatACrashLeftInTheBucketIsCollected) {
  ASSERT_EQ(word(add_small(alice(), "known")), "stored");
  const std::vector<Digest> found{sha256_of("known"), sha256_of("left")};
  EXPECT_EQ(must(upkeep().note_found(zone("lab"), found)), 1U);
  EXPECT_EQ(collect(), std::vector<Digest>{sha256_of("left")});
  EXPECT_TRUE(find(sha1_of("known")));
}

TEST_F(UpkeepTest, ForgetsWhatWasOnlyForSomeTime) {
  must(catalog_->people().add_pending({"AAAA-BBBB", node(9), "", std::nullopt, kNow + 10}, kNow));
  must(upkeep().expire_uploads(kNow + 10));
  EXPECT_TRUE(fault(catalog_->people().pending("AAAA-BBBB", kNow)).starts_with("not_found"));
}

TEST_F(UpkeepTest, AZoneGoesWithEverything) {
  ASSERT_EQ(store(alice(), Large({"one", "two"})), "stored");
  ASSERT_EQ(store(alice(), "whole"), "stored");
  begin(bob(), whole("coming"));
  must(catalog_->zones().delete_zone(zone("lab")));
  EXPECT_TRUE(collect().empty());
  EXPECT_EQ(must(upkeep().expire_uploads(kNow + kHourMs)), 0U);
  must(catalog_->zones().create_zone(zone("lab"), user("alice"), kNow));
  EXPECT_FALSE(find(sha1_of("whole")));
  EXPECT_EQ(bytes_of(alice()), 0U);
}

}  // namespace
}  // namespace kachery::hub
