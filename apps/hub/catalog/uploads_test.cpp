#include "hub/catalog/uploads.h"

#include "hub/catalog/upload_fixture.h"

namespace kachery::hub {
namespace {

using UploadsTest = UploadTest;

TEST_F(UploadsTest, MakeAFileVisibleWhenItIsWholeAndNotBefore) {
  const UploadState begun = begin(alice(), whole("hello"));
  ASSERT_EQ(word(begun), "open");
  EXPECT_EQ(begun.here, std::vector<bool>{false});
  EXPECT_EQ(word(commit(alice(), {begun.id, {}, {}, {}})), "not_found") << "nothing was sent";
  EXPECT_FALSE(find(sha1_of("hello")));
  must(uploads().note_sent(begun.id, sent("hello")));
  EXPECT_FALSE(find(sha1_of("hello"))) << "nor is it visible when it was sent";
  EXPECT_EQ(word(commit(alice(), {begun.id, {}, {}, {}})), "stored");
  EXPECT_EQ(word(commit(alice(), {begun.id, {}, {}, {}})), "stored") << "twice is the same as once";
  const auto file = find(sha1_of("hello"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size, 5U);
  EXPECT_EQ(file->chunk, sha256_of("hello"));
  EXPECT_TRUE(file->manifests.empty());
  EXPECT_EQ(bytes_of(alice()), 5U);
  EXPECT_EQ(objects_of(alice()), 1U);
  EXPECT_EQ(store(alice(), "hello"), "present");
  EXPECT_EQ(bytes_of(alice()), 5U) << "the same user twice counts once";
}

TEST_F(UploadsTest, OfOneFileByOneNodeGoOn) {
  const UploadState begun = begin(alice(), whole("hello"));
  EXPECT_EQ(begin(alice(), whole("hello")).id, begun.id);
  EXPECT_EQ(bytes_of(alice()), 5U) << "reserved once";
  EXPECT_NE(begin(bob(), whole("hello")).id, begun.id);
  const UploadRequest wanted = must(uploads().upload(alice(), begun.id));
  EXPECT_EQ(wanted.digest, sha1_of("hello"));
  EXPECT_EQ(wanted.chunks, whole("hello").chunks);
  EXPECT_TRUE(fault(uploads().upload(bob(), begun.id)).starts_with("not_found")) << "it is not his";
  EXPECT_EQ(word(commit(bob(), {begun.id, {}, {}, {}})), "not_found");
}

TEST_F(UploadsTest, OfWrongContentAreRefusedAndHurtNobody) {
  UploadRequest lie = whole("wrong");
  lie.digest = sha1_of("right");
  EXPECT_EQ(store(bob(), lie, {"wrong"}), "corrupt");
  EXPECT_FALSE(find(sha1_of("right")));
  EXPECT_EQ(bytes_of(bob()), 0U);
  EXPECT_EQ(store(bob(), "right"), "stored") << "the name is not blocked, not even for him";
  EXPECT_EQ(store(alice(), lie, {"wrong"}), "present") << "the right content is there";
  EXPECT_EQ(find(sha1_of("right"))->chunk, sha256_of("right"));

  UploadRequest odd = whole("hello");
  odd.size = 6;
  EXPECT_EQ(word(begin(alice(), odd)), "invalid");
}

// Two contents with one SHA-1, as anybody can make them: the first stays.
TEST_F(UploadsTest, RefuseASecondContentOfTheSameHash) {
  const Digest shared = sha1_of("whatever");
  const auto add = [&](const Uploader& uploader, std::string_view content) {
    const SmallUpload small{shared, {sha256_of(content), shared, content.size()}};
    return word(must(uploads().add_small(uploader, {&small, 1}, must(uploads().collections()), kNow)).at(0));
  };
  EXPECT_EQ(add(alice(), "first"), "stored");
  EXPECT_EQ(add(bob(), "other"), "corrupt");
  EXPECT_EQ(add(bob(), "longer"), "corrupt");
  EXPECT_EQ(bytes_of(bob()), 0U);
  EXPECT_EQ(find(shared)->chunk, sha256_of("first"));
  EXPECT_EQ(find(shared)->size, 5U);
  EXPECT_EQ(add(bob(), "first"), "stored");
}

TEST_F(UploadsTest, DoNotTellWhoMayNotReadWhatIsThere) {
  ASSERT_EQ(store(alice(), "secret"), "stored");
  const UploadState begun = begin(bob(), whole("secret"));
  EXPECT_EQ(word(begun), "open");
  EXPECT_EQ(begun.here, std::vector<bool>{false}) << "whoever knows only the hash does not get the content";
  EXPECT_EQ(word(commit(bob(), {begun.id, {}, {}, {}})), "not_found");
  UploadRequest longer = whole("secret");
  longer.size = longer.chunks[0].size = 7;
  EXPECT_EQ(word(begin(bob(), longer)), "open");
  must(uploads().note_sent(begun.id, sent("secret")));
  EXPECT_EQ(word(commit(bob(), {begun.id, {}, {}, {}})), "stored");
  EXPECT_EQ(word(begin(bob(), whole("secret"))), "present") << "now it is his own";
}

TEST_F(UploadsTest, WhatIsPresentIsSaidOnlyToThoseWhoMayKnow) {
  ASSERT_EQ(store(bob(), "secret"), "stored");
  const std::vector<SizedDigest> files{
      {sha1_of("absent"), 6}, {sha1_of("secret"), 6}, {sha1_of("secret"), 7}};
  const std::vector<bool> only_the_second{false, true, false};
  EXPECT_EQ(must(uploads().present(bob(), files, kNow)), only_the_second) << "it is his own";
  EXPECT_EQ(must(uploads().present(carol(), files, kNow)), (std::vector<bool>{false, false, false}))
      << "whoever knows only the hash does not learn that it is there";
  EXPECT_EQ(objects_of(carol()), 0U);

  EXPECT_EQ(must(uploads().present(alice(), files, kNow)), only_the_second) << "she may read the zone";
  EXPECT_EQ(bytes_of(alice()), 6U);
  EXPECT_EQ(must(uploads().present(alice(), files, kNow)), only_the_second);
  EXPECT_EQ(bytes_of(alice()), 6U) << "once";
  ASSERT_TRUE(remove(bob(), sha1_of("secret")));
  EXPECT_TRUE(find(sha1_of("secret"))) << "it is hers, too";
}

TEST_F(UploadsTest, WhatIsNotCheckedOrHasNoRoomIsNotPresent) {
  const Large claimed({"one", "two"});
  ASSERT_EQ(store(bob(), claimed), "stored");
  const std::vector<SizedDigest> unchecked{{claimed.digest, 6}};
  EXPECT_EQ(must(uploads().present(alice(), unchecked, kNow)), std::vector<bool>{false}) << "it may be a lie";

  ASSERT_EQ(store(bob(), "123456"), "stored");
  must(catalog_->zones().set_quota(zone("lab"), user("alice"), {5, {}}));
  const std::vector<SizedDigest> large{{sha1_of("123456"), 6}};
  EXPECT_EQ(must(uploads().present(alice(), large, kNow)), std::vector<bool>{false});
  EXPECT_EQ(bytes_of(alice()), 0U);
}

TEST_F(UploadsTest, SpareWhatTheUploaderCouldReadOrSent) {
  ASSERT_EQ(store(alice(), Large({"one", "two"})), "stored");
  const Large other({"two", "three"});
  // The page, "two", "three".
  EXPECT_EQ(begin(alice(), other.request()).here, (std::vector<bool>{false, true, false}));
  const UploadState begun = begin(bob(), other.request());
  EXPECT_EQ(begun.here, (std::vector<bool>{false, false, false}));
  must(uploads().note_sent(begun.id, sent("two")));
  EXPECT_EQ(begin(bob(), other.request()).here, (std::vector<bool>{false, true, false}));
  EXPECT_EQ(begin(bob(), Large({"two", "four"}).request()).here, (std::vector<bool>{false, true, false}))
      << "the same node has sent it for another upload";
  EXPECT_EQ(begin(carol(), Large({"two", "four"}).request()).here, (std::vector<bool>{false, false, false}));
  ASSERT_EQ(store(bob(), other), "stored");
  must(upkeep().expire_uploads(kNow + kHourMs));
  EXPECT_EQ(begin(bob(), Large({"three", "four"}).request()).here, (std::vector<bool>{false, true, false}))
      << "it is in a file of his";
}

TEST_F(UploadsTest, OfLargeFilesNeedEveryChunkAndPage) {
  const Large large({"one", "two", "one"});
  for (const std::string& missing : {large.pieces()[0], std::string("one"), std::string("two")}) {
    const UploadState begun = begin(bob(), large.request());
    for (const std::string& piece : large.pieces())
      if (piece != missing) must(uploads().note_sent(begun.id, sent(piece)));
    EXPECT_EQ(word(commit(bob(), large.commit(begun.id))), "not_found") << missing;
    EXPECT_FALSE(find(large.digest));
    const std::vector<std::string> names{begun.id};
    must(uploads().abandon(bob(), names));
    must(upkeep().expire_uploads(kNow + kHourMs));
    collect();
  }
  EXPECT_EQ(store(bob(), large), "stored");
  const auto file = find(large.digest);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size, 9U);
  EXPECT_EQ(file->chunk, std::nullopt);
  ASSERT_EQ(file->manifests.size(), 1U);
  EXPECT_EQ(file->manifests[0].manifest, large.name());
  EXPECT_EQ(file->manifests[0].claimed_by, node(2));
  const std::vector<Digest> asked{sha256_of("two"), sha256_of("three"), sha256_of(large.pieces()[0])};
  EXPECT_EQ(must(catalog_->files().chunks_of(zone("lab"), {.zone = true}, large.digest, asked)).known,
            (std::vector<bool>{true, false, true}));
}

TEST_F(UploadsTest, RefuseAManifestThatDoesNotFit) {
  const Large large({"one", "two"});
  const UploadState begun = begin(bob(), large.request());
  for (const std::string& piece : large.pieces()) must(uploads().note_sent(begun.id, sent(piece)));
  EXPECT_EQ(word(commit(bob(), {begun.id, {}, {}, {}})), "invalid");
  EXPECT_EQ(word(commit(bob(), Large({"two", "one"}).commit(begun.id))), "invalid");
  Commit wrong = large.commit(begun.id);
  wrong.pages = Large({"two", "one"}).texts.pages;
  EXPECT_EQ(word(commit(bob(), wrong)), "corrupt");
  wrong = large.commit(begun.id);
  wrong.pages.clear();
  EXPECT_NE(word(commit(bob(), wrong)), "stored");
  EXPECT_FALSE(find(large.digest));
  EXPECT_EQ(bytes_of(bob()), 0U);
}

// A false claim for a file that somebody else is about to store must not get into the way.
TEST_F(UploadsTest, SeveralClaimsForOneNameStandBesideEachOther) {
  const Large right({"one", "two"});
  const Large lie({"six", "ten"}, right.digest);
  const Large longer({"seven", "eleven"}, right.digest);
  ASSERT_EQ(store(bob(), lie), "stored");
  EXPECT_EQ(store(alice(), right), "stored") << "another's claim is no reason not to send it";
  EXPECT_EQ(store(carol(), longer), "stored");
  EXPECT_EQ(find(right.digest)->manifests.size(), 3U);
  EXPECT_EQ(store(alice(), right), "present");

  const auto claims = must(upkeep().unchecked(10));
  ASSERT_EQ(claims.size(), 3U);
  EXPECT_EQ(claims[0].manifest, lie.name());
  const std::vector<ChunkEntry> chunks = must(upkeep().claim_chunks(claims[1]));
  EXPECT_EQ(chunks, (std::vector<ChunkEntry>{entry("one"), entry("two")}));
  must(upkeep().settle(claims[0], false));
  EXPECT_EQ(bytes_of(bob()), 0U);
  EXPECT_EQ(find(right.digest)->manifests.size(), 2U);
  must(upkeep().settle(claims[1], true));
  must(upkeep().settle(claims[1], true));
  const auto file = find(right.digest);
  ASSERT_EQ(file->manifests.size(), 1U) << "the longer one cannot be right";
  EXPECT_EQ(file->manifests[0].manifest, right.name());
  EXPECT_EQ(file->manifests[0].claimed_by, std::nullopt);
  EXPECT_EQ(file->size, 6U);
  EXPECT_EQ(bytes_of(carol()), 0U);
  EXPECT_EQ(bytes_of(alice()), 6U);
  EXPECT_TRUE(must(upkeep().unchecked(10)).empty());
  EXPECT_EQ(word(begin(alice(), longer.request())), "corrupt");
}

TEST_F(UploadsTest, AFileGoesWithItsLastClaim) {
  const Large lie({"six", "ten"}, sha1_of("something else"));
  ASSERT_EQ(store(bob(), lie), "stored");
  ASSERT_EQ(store(alice(), lie), "present");
  EXPECT_EQ(bytes_of(alice()), 6U);
  must(upkeep().settle(must(upkeep().unchecked(1)).at(0), false));
  EXPECT_FALSE(find(lie.digest));
  EXPECT_EQ(bytes_of(alice()), 0U);
  EXPECT_EQ(bytes_of(bob()), 0U);
}

TEST_F(UploadsTest, ContentThatIsKnownTakesThePlaceOfClaims) {
  const std::string content = "onetwo";
  const Large longer({"seven", "eleven"}, sha1_of(content));
  const Large same({"one", "two"});
  ASSERT_EQ(store(bob(), longer), "stored");
  ASSERT_EQ(store(carol(), same), "stored");
  ASSERT_EQ(store(bob(), content), "stored") << "he has it right, after all";
  const auto file = find(same.digest);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->chunk, sha256_of(content));
  EXPECT_TRUE(file->manifests.empty());
  EXPECT_EQ(bytes_of(bob()), 6U);
  EXPECT_EQ(bytes_of(carol()), 6U);
}

TEST_F(UploadsTest, ReserveTheQuotaAndGiveItBack) {
  must(catalog_->zones().set_quota(zone("lab"), user("bob"), {10, 2}));
  const UploadState first = begin(bob(), whole("123456"));
  EXPECT_EQ(word(first), "open");
  const UploadState denied = begin(bob(), whole("12345"));
  ASSERT_EQ(word(denied), "exhausted");
  EXPECT_EQ(denied.refusal->message,
            "the user bob, in the zone lab, may store 10 bytes, 6 are used, and this needs 5 more; remove "
            "files, or "
            "ask the administrator of the hub for a larger quota");
  EXPECT_EQ(word(begin(bob(), whole("1234"))), "open");
  const UploadState third = begin(bob(), whole(""));
  ASSERT_EQ(word(third), "exhausted");
  EXPECT_TRUE(third.refusal->message.contains("may store 2 files, 2 are used")) << third.refusal->message;
  const std::vector<std::string> names{first.id};
  must(uploads().abandon(bob(), names));
  must(uploads().abandon(bob(), names));
  EXPECT_EQ(bytes_of(bob()), 4U);
  EXPECT_EQ(word(commit(bob(), {first.id, {}, {}, {}})), "not_found");
  EXPECT_EQ(word(add_small(bob(), "12345")), "stored");
  EXPECT_EQ(bytes_of(bob()), 9U);
  must(upkeep().expire_uploads(kNow + kHourMs));
  EXPECT_EQ(bytes_of(bob()), 5U);
  EXPECT_TRUE(remove(bob(), sha1_of("12345")));
  EXPECT_EQ(bytes_of(bob()), 0U);
  EXPECT_EQ(objects_of(bob()), 0U);
}

TEST_F(UploadsTest, AZonesQuotaIsForAllItsUsers) {
  must(catalog_->zones().set_quota(zone("lab"), std::nullopt, {10, std::nullopt}));
  EXPECT_EQ(store(alice(), "123456"), "stored");
  EXPECT_EQ(word(add_small(bob(), "12345")), "exhausted");
  EXPECT_EQ(store(bob(), "1234"), "stored");
  EXPECT_EQ(must(catalog_->zones().zones()).at(0).quota.bytes, 10U);
  EXPECT_EQ(word(add_small(bob(), "123456")), "exhausted") << "who stores it, too, has it counted, too";
}

TEST_F(UploadsTest, CannotAnnounceMoreThanTheirSize) {
  std::vector<ChunkEntry> chunks{{sha256_of("a"), 16 << 20}};
  const Large large({"one", "two"});
  const UploadState begun = begin(bob(), large.request());
  EXPECT_TRUE(fault(uploads().expect_chunks(bob(), begun.id, chunks, kNow)).starts_with("invalid"));
  chunks[0].size = 100'000;
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(must(uploads().expect_chunks(bob(), begun.id, chunks, kNow)), std::vector<bool>{false})
        << "the same one again is nothing new";
  EXPECT_TRUE(fault(uploads().note_sent(begun.id, {sha256_of("a"), sha1_of("a"), 1})).starts_with("corrupt"))
      << "another size than was announced";
  EXPECT_TRUE(fault(uploads().note_sent(begun.id, sent("unexpected"))).starts_with("not_found"));
}

TEST_F(UploadsTest, ManyUploadsAreOneTransactionAndEachFailsByItself) {
  std::vector<UploadRequest> requests{whole("a"), whole("b"), whole("a")};
  requests[1].size = 9;
  const auto states = must(uploads().begin(alice(), requests, kNow));
  EXPECT_EQ(word(states[0]), "open");
  EXPECT_EQ(word(states[1]), "invalid");
  EXPECT_EQ(states[2].id, states[0].id);
  EXPECT_TRUE(fault(uploads().begin({zone("nowhere"), node(1), user("alice"), {}}, requests, kNow))
                  .starts_with("not_found"));
}

}  // namespace
}  // namespace kachery::hub
