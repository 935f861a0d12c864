#include "hub/gateway/upload_handlers.h"

#include "chunk/manifest.h"
#include "hub/gateway/gateway_fixture.h"

namespace kachery::hub {
namespace {

std::vector<ChunkEntry> entries_of(const std::vector<std::string>& chunks) {
  std::vector<ChunkEntry> entries;
  for (const std::string& chunk : chunks)
    entries.push_back({Hasher::of(Algorithm::sha256, as_bytes(chunk)), chunk.size()});
  return entries;
}

std::string joined(const std::vector<std::string>& chunks) {
  std::string content;
  for (const std::string& chunk : chunks) content += chunk;
  return content;
}

// A file of several chunks, as a client sends it.
struct LargeFile {
  explicit LargeFile(std::vector<std::string> pieces)
      : chunks(std::move(pieces)),
        content(joined(chunks)),
        digest(Hasher::of(Algorithm::sha1, as_bytes(content))),
        texts(make_manifest(digest, entries_of(chunks))),
        name(Hasher::of(Algorithm::sha256, as_bytes(texts.root.str()))) {
    for (const ManifestPage& page : texts.pages) chunks.push_back(page.str());
  }

  wire::UploadFile begin() const {
    wire::UploadFile file{digest, content.size(), name.hex(), {}};
    for (const std::string& chunk : chunks)
      file.chunks.push_back({Hasher::of(Algorithm::sha256, as_bytes(chunk)), chunk.size()});
    return file;
  }
  wire::CommitUpload commit(const std::string& id, const KeyPair& key) const {
    const Signature signature = key.sign(as_bytes(claim_text(digest, content.size(), name)));
    return {id, texts.root.str(), to_hex(signature)};
  }

  std::vector<std::string> chunks;  // And the pages.
  std::string content;
  Digest digest;
  ManifestTexts texts;
  Digest name;
};

LargeFile three_chunks() {
  return LargeFile({std::string(100'000, 'a'), std::string(100'000, 'b'), "the end"});
}

class UploadRoutesTest : public HubTest {
 protected:
  UploadRoutesTest() {
    add_node(key, "owner");
    add_node(bobs, "bob");
    EXPECT_TRUE(catalog().zones().set_settings(zone_named("default"), {.public_upload = true}));
    refresh();
  }

  // Everything but the commit.
  wire::BegunUpload send_chunks(const KeyPair& who, const LargeFile& file) {
    const wire::BegunUpload begun = begin(who, file.begin());
    EXPECT_EQ(begun.outcome.state, "open") << begun.outcome.message.value_or("");
    for (std::size_t i = 0; i < begun.puts.size(); ++i)
      if (begun.puts[i]) {
        EXPECT_EQ(put(*begun.puts[i], file.chunks[i]).status, 201);
      }
    return begun;
  }

  const KeyPair key = KeyPair::generate();
  const KeyPair bobs = KeyPair::generate();
};

TEST_F(UploadRoutesTest, ALargeFileIsFetchedByItsManifest) {
  const LargeFile file = three_chunks();
  const wire::BegunUpload begun = send_chunks(key, file);
  EXPECT_FALSE(find(&key, file.digest)) << "before it was committed";
  ASSERT_EQ(commit(key, file.commit(*begun.id, key)).state, "stored");

  const auto found = find(nullptr, file.digest);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size, file.content.size());
  EXPECT_FALSE(found->url);
  ASSERT_EQ(found->manifests.size(), 1U);
  EXPECT_EQ(found->manifests[0].sha256, file.name.hex());
  EXPECT_EQ(send(head_of_url(Method::get, found->manifests[0].url)).body, file.texts.root.str());

  wire::AskChunks ask{.zone = zone_named("default"), .file = file.digest, .chunks = {}};
  for (const std::string& chunk : file.chunks) ask.chunks.push_back(sha256(chunk));
  ask.chunks.push_back(sha256("another file's"));
  const auto urls = call(nullptr, "/v1/files/chunks", ask).message<wire::ChunkUrls>().urls;
  for (std::size_t i = 0; i < file.chunks.size(); ++i)
    EXPECT_EQ(send(head_of_url(Method::get, urls.at(i).value())).body, file.chunks[i]);
  EXPECT_FALSE(urls.back());
}

TEST_F(UploadRoutesTest, WhatIsPresentNeedNotBeSent) {
  upload(key, "here");
  wire::AskPresent ask{.zone = zone_named("default"), .files = {{sha1("gone"), 4}, {sha1("here"), 4}}};
  const Answer answer = call(&bobs, "/v1/uploads/present", ask);
  EXPECT_EQ(answer.message<wire::Present>().present, (std::vector<bool>{false, true}));
  const wire::ListFiles mine{.zone = zone_named("default"), .mine = true, .after = {}};
  EXPECT_EQ(call(&bobs, "/v1/files/list", mine).message<wire::FileList>().files.size(), 1U)
      << "it is his from now on";

  EXPECT_EQ(call(nullptr, "/v1/uploads/present", ask).status, 403);
  ask.files.resize(wire::kFindMax + 1, ask.files.front());
  EXPECT_EQ(call(&bobs, "/v1/uploads/present", ask).status, 400);
}

TEST_F(UploadRoutesTest, ACommitTwiceIsTheSameAsOnce) {
  const wire::BegunUpload begun = begin(key, one_chunk("twice"));
  ASSERT_EQ(put(*begun.puts.at(0), "twice").status, 201);
  EXPECT_EQ(commit(key, {*begun.id, {}, {}}).state, "stored");
  EXPECT_NE(commit(key, {*begun.id, {}, {}}).state, "refused");
  EXPECT_EQ(begin(key, one_chunk("twice")).outcome.state, "present");
}

TEST_F(UploadRoutesTest, NothingIsVisibleBeforeEveryChunkIsThere) {
  const wire::BegunUpload begun = begin(key, one_chunk("never sent"));
  EXPECT_EQ(commit(key, {*begun.id, {}, {}}).state, "refused");
  EXPECT_FALSE(find(&key, sha1("never sent")));

  const LargeFile file = three_chunks();
  const wire::BegunUpload large = begin(key, file.begin());
  for (const std::size_t i : {0U, 1U, 3U}) ASSERT_EQ(put(*large.puts.at(i), file.chunks[i]).status, 201);
  EXPECT_EQ(commit(key, file.commit(*large.id, key)).state, "refused");
  EXPECT_FALSE(find(&key, file.digest));
  ASSERT_EQ(put(*large.puts.at(2), file.chunks[2]).status, 201);
  EXPECT_EQ(commit(key, file.commit(*large.id, key)).state, "stored");
}

TEST_F(UploadRoutesTest, ContentThatIsNotItsNameIsRefused) {
  wire::UploadFile file = one_chunk("what it is");
  file.digest = sha1("what it is not");
  const wire::BegunUpload begun = begin(key, file);
  ASSERT_EQ(begun.outcome.state, "open");
  ASSERT_EQ(put(*begun.puts.at(0), "what it is").status, 201);
  const wire::Outcome outcome = commit(key, {*begun.id, {}, {}});
  EXPECT_EQ(outcome.state, "refused");
  EXPECT_EQ(outcome.code, Code::corrupt);
  EXPECT_FALSE(find(&key, sha1("what it is not")));
}

TEST_F(UploadRoutesTest, OnlyWhoeverBeganAnUploadGoesOnWithIt) {
  const wire::BegunUpload begun = begin(key, one_chunk("mine"));
  ASSERT_EQ(put(*begun.puts.at(0), "mine").status, 201);
  EXPECT_EQ(commit(bobs, {*begun.id, {}, {}}).state, "refused");
  EXPECT_EQ(call(&bobs, "/v1/uploads/chunks",
                 wire::MoreChunks{.zone = zone_named("default"), .id = *begun.id, .chunks = {}})
                .status,
            404);
  EXPECT_EQ(call(&bobs, "/v1/uploads/abandon",
                 wire::AbandonUploads{.zone = zone_named("default"), .ids = {*begun.id}})
                .status,
            200);
  EXPECT_EQ(commit(key, {*begun.id, {}, {}}).state, "stored") << "it was not abandoned";
}

// Whoever may not read the zone must not get at content by knowing its hash.
TEST_F(UploadRoutesTest, WhoeverMayNotReadProvesThatTheyKnowTheContent) {
  upload(key, "a secret");
  ZoneSettings settings{.public_upload = true, .public_download = false};
  ASSERT_TRUE(catalog().zones().set_settings(zone_named("default"), settings));
  refresh();
  const wire::BegunUpload begun = begin(bobs, one_chunk("a secret"));
  ASSERT_EQ(begun.outcome.state, "open") << "it must not even say that it is there";
  ASSERT_TRUE(begun.puts.at(0));
  EXPECT_EQ(commit(bobs, {*begun.id, {}, {}}).state, "refused");
  EXPECT_EQ(put(*begun.puts[0], "a guess!").status, 422);
  EXPECT_EQ(commit(bobs, {*begun.id, {}, {}}).state, "refused");
  EXPECT_EQ(put(*begun.puts[0], "a secret").status, 412);
  EXPECT_NE(commit(bobs, {*begun.id, {}, {}}).state, "refused");
}

TEST_F(UploadRoutesTest, AClaimIsSignedByWhoeverMakesIt) {
  const LargeFile file = three_chunks();
  const wire::BegunUpload begun = send_chunks(key, file);
  wire::CommitUpload unsigned_claim = file.commit(*begun.id, key);
  unsigned_claim.signature.reset();
  EXPECT_EQ(commit(key, unsigned_claim).code, Code::invalid);
  EXPECT_EQ(commit(key, file.commit(*begun.id, bobs)).code, Code::denied);
  EXPECT_EQ(commit(key, file.commit(*begun.id, key)).state, "stored");
}

TEST_F(UploadRoutesTest, AnotherManifestThanTheOneItBeganWithIsRefused) {
  const LargeFile file = three_chunks();
  const LargeFile other({std::string(100'000, 'a'), "another end"});
  const wire::BegunUpload begun = send_chunks(key, file);
  EXPECT_EQ(commit(key, other.commit(*begun.id, key)).code, Code::invalid);
  wire::CommitUpload broken = file.commit(*begun.id, key);
  broken.manifest = "{}";
  EXPECT_EQ(commit(key, broken).state, "refused");
}

TEST_F(UploadRoutesTest, WhatIsOverTheQuotaIsRefusedAlone) {
  ASSERT_TRUE(catalog().zones().set_quota(zone_named("default"), user("bob"), {.bytes = 10, .objects = {}}));
  wire::BeginUploads message{.zone = zone_named("default"),
                             .files = {one_chunk("seven.."), one_chunk("more than is left")}};
  const auto begun = call(&bobs, "/v1/uploads/begin", message).message<wire::BegunUploads>().uploads;
  EXPECT_EQ(begun.at(0).outcome.state, "open");
  EXPECT_EQ(begun.at(1).outcome.state, "refused");
  EXPECT_EQ(begun.at(1).outcome.code, Code::exhausted);
  ASSERT_EQ(call(&bobs, "/v1/uploads/abandon",
                 wire::AbandonUploads{.zone = zone_named("default"), .ids = {*begun[0].id}})
                .status,
            200);
  EXPECT_EQ(begin(bobs, one_chunk("ten bytes.")).outcome.state, "open");
}

TEST_F(UploadRoutesTest, MalformedFilesAreRefusedAlone) {
  wire::UploadFile two_chunks = one_chunk("x");
  two_chunks.chunks.push_back(two_chunks.chunks[0]);
  wire::UploadFile other_size = one_chunk("y");
  other_size.size = 2;
  wire::UploadFile by_sha1 = one_chunk("z");
  by_sha1.chunks[0].sha256 = sha1("z");
  wire::UploadFile too_large = one_chunk("w");
  too_large.size = too_large.chunks[0].size = wire::kChunkBytesMax + 1;
  wire::UploadFile no_manifest = one_chunk("v");
  no_manifest.manifest = "nonsense";
  const wire::BeginUploads message{
      .zone = zone_named("default"),
      .files = {two_chunks, other_size, by_sha1, too_large, no_manifest, one_chunk("good")}};
  const auto begun = call(&key, "/v1/uploads/begin", message).message<wire::BegunUploads>().uploads;
  ASSERT_EQ(begun.size(), 6U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(begun[i].outcome.code, Code::invalid) << i;
  EXPECT_EQ(begun[5].outcome.state, "open");
}

TEST_F(UploadRoutesTest, AnUploadThatExpiredIsOver) {
  const wire::BegunUpload begun = begin(key, one_chunk("too late"));
  ASSERT_EQ(put(*begun.puts.at(0), "too late").status, 201);
  clock_.now_ms += 3 * 3'600'000;
  const auto expired = on_loop<Result<>>([this] { return expire_uploads(parts_->gateway.shared()); });
  ASSERT_TRUE(expired) << expired.error().message;
  EXPECT_EQ(commit(key, {*begun.id, {}, {}}).state, "refused");
  EXPECT_EQ(put(*begun.puts.at(0), "too late").status, 403);
}

// --- What goes on behind

// What a crash, or an upload that ended too early, has left in the bucket.
TEST_F(UploadRoutesTest, ChunksThatNobodyKnowsAreDeleted) {
  upload(key, "known");
  const std::string stray = "unknown";
  const HashedBytes bytes(as_bytes(stray));
  ASSERT_TRUE(parts_->bucket.put_many(zone_named("default"), {&bytes, 1}));
  const auto swept = on_loop<Result<std::size_t>>([this] { return sweep_bucket(parts_->gateway.shared()); });
  EXPECT_EQ(swept.value(), 1U);
  const auto collected =
      on_loop<Result<std::size_t>>([this] { return collect_garbage(parts_->gateway.shared()); });
  EXPECT_EQ(collected.value(), 1U);
  EXPECT_FALSE(parts_->bucket.has_chunk(zone_named("default"), sha256(stray)).value());
  EXPECT_TRUE(parts_->bucket.has_chunk(zone_named("default"), sha256("known")).value());
}

TEST_F(UploadRoutesTest, TheHubChecksTheFullHashOfWhatWasClaimed) {
  const LargeFile file = three_chunks();
  const wire::BegunUpload begun = send_chunks(key, file);
  ASSERT_EQ(commit(key, file.commit(*begun.id, key)).state, "stored");
  EXPECT_EQ(find(nullptr, file.digest)->manifests.at(0).attested_by, key.node_id().hex());
  const auto settled =
      on_loop<Result<std::size_t>>([this] { return check_claims(parts_->gateway.shared(), 10); });
  EXPECT_EQ(settled.value(), 1U);
  EXPECT_EQ(find(nullptr, file.digest)->manifests.at(0).attested_by, "hub");
}

TEST_F(UploadRoutesTest, ClaimsThatCannotBeCheckedKeepNoOtherWaiting) {
  const LargeFile file = three_chunks();
  const wire::BegunUpload begun = send_chunks(key, file);
  ASSERT_EQ(commit(key, file.commit(*begun.id, key)).state, "stored");
  ASSERT_TRUE(parts_->bucket.remove_chunk(zone_named("default"), sha256(file.chunks.at(1))));
  const auto check = [this] {
    return on_loop<Result<std::size_t>>([this] { return check_claims(parts_->gateway.shared(), 1); }).value();
  };
  EXPECT_EQ(check(), 0U);
  const LargeFile other({std::string(100'000, 'c'), "another end"});
  const wire::BegunUpload more = send_chunks(key, other);
  ASSERT_EQ(commit(key, other.commit(*more.id, key)).state, "stored");
  EXPECT_EQ(check(), 1U);
  EXPECT_EQ(find(nullptr, other.digest)->manifests.at(0).attested_by, "hub");
}

// Its manifest, too, lies in the bucket then.
TEST_F(UploadRoutesTest, OfARefusedCommitNothingStays) {
  const LargeFile file = three_chunks();
  const wire::BegunUpload begun = send_chunks(key, file);
  ASSERT_TRUE(parts_->bucket.put_manifest(zone_named("default"), file.digest, sha256("lost"), "lost"));
  const auto swept = on_loop<Result<std::size_t>>([this] { return sweep_bucket(parts_->gateway.shared()); });
  EXPECT_EQ(swept.value(), 1U);
  const auto collected =
      on_loop<Result<std::size_t>>([this] { return collect_garbage(parts_->gateway.shared()); });
  EXPECT_EQ(collected.value(), 1U);
  EXPECT_FALSE(parts_->bucket.open_manifest(zone_named("default"), file.digest, sha256("lost")));
  EXPECT_EQ(commit(key, file.commit(*begun.id, key)).state, "stored");
}

TEST_F(UploadRoutesTest, AFalseClaimGoesAway) {
  LargeFile file = three_chunks();
  const Digest other = sha1("not these chunks");
  file.digest = other;
  file.texts.root.file = other;
  file.name = sha256(file.texts.root.str());
  const wire::BegunUpload begun = send_chunks(key, file);
  ASSERT_EQ(commit(key, file.commit(*begun.id, key)).state, "stored");
  const auto settled =
      on_loop<Result<std::size_t>>([this] { return check_claims(parts_->gateway.shared(), 10); });
  EXPECT_EQ(settled.value(), 1U);
  EXPECT_FALSE(find(nullptr, other));
}

TEST_F(UploadRoutesTest, WhatNothingRefersToIsDeletedInTheEnd) {
  upload(key, "to be removed");
  const wire::RemoveFiles message{
      .zone = zone_named("default"), .digests = {sha1("to be removed")}, .everybody = false};
  ASSERT_EQ(call(&key, "/v1/files/remove", message).status, 200);
  clock_.now_ms += 3 * 3'600'000;
  ASSERT_TRUE(on_loop<Result<>>([this] { return expire_uploads(parts_->gateway.shared()); }));
  const auto collected =
      on_loop<Result<std::size_t>>([this] { return collect_garbage(parts_->gateway.shared()); });
  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_GE(*collected, 1U);
  EXPECT_FALSE(parts_->bucket.has_chunk(zone_named("default"), sha256("to be removed")).value());
  upload(key, "to be removed");
  EXPECT_TRUE(find(nullptr, sha1("to be removed")));
}

}  // namespace
}  // namespace kachery::hub
