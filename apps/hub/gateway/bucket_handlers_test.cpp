#include "hub/gateway/bucket_handlers.h"

#include "hub/gateway/gateway_fixture.h"

namespace kachery::hub {
namespace {

class BucketRoutesTest : public HubTest {
 protected:
  BucketRoutesTest() { add_node(key, "owner"); }

  // The answer to a GET of an object of ten digits, with these fields.
  Answer get(const HttpFields& fields, Method method = Method::get) {
    if (!url_) {
      upload(key, "0123456789");
      url_ = find(nullptr, sha1("0123456789"))->url;
    }
    return send(head_of_url(method, *url_, fields));
  }

  const KeyPair key = KeyPair::generate();
  std::optional<std::string> url_;
};

TEST_F(BucketRoutesTest, ObjectsCannotActAsAPage) {
  const Answer answer = get({});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "0123456789");
  EXPECT_EQ(answer.field("content-type"), "application/octet-stream");
  EXPECT_EQ(answer.field("content-disposition"), "attachment");
  EXPECT_EQ(answer.field("content-security-policy"), "sandbox; default-src 'none'");
  EXPECT_EQ(answer.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.field("cache-control"), "no-store");
}

TEST_F(BucketRoutesTest, GivesRangesOfTheObjectThatIsMeant) {
  const std::string tag = get({}).field("etag");
  EXPECT_EQ(tag, "\"" + sha256("0123456789").hex() + "\"");
  EXPECT_EQ(get({}).field("accept-ranges"), "bytes");

  const Answer part = get({{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.field("content-range"), "bytes 2-4/10");
  EXPECT_EQ(get({{"Range", "bytes=-3"}}).body, "789");
  EXPECT_EQ(get({{"Range", "bytes=8-"}, {"If-Range", tag}}).body, "89");
  const Answer other = get({{"Range", "bytes=8-"}, {"If-Range", "\"another\""}});
  EXPECT_EQ(other.status, 200);
  EXPECT_EQ(other.body, "0123456789");
  const Answer behind = get({{"Range", "bytes=10-"}});
  EXPECT_EQ(behind.status, 416);
  EXPECT_EQ(behind.field("content-range"), "bytes */10");
}

TEST_F(BucketRoutesTest, LargeObjectsComeInPieces) {
  std::string content(3'000'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 + i / 251);
  upload(key, content);
  const std::string url = find(nullptr, sha1(content))->url.value();
  EXPECT_TRUE(send(head_of_url(Method::get, url)).body == content);
  const Answer part = send(head_of_url(Method::get, url, {{"Range", "bytes=524287-1600000"}}));
  EXPECT_TRUE(part.body == content.substr(524'287, 1'600'001 - 524'287));
}

TEST_F(BucketRoutesTest, WhatIsGoneIsNotFound) {
  get({});
  ASSERT_TRUE(parts_->bucket.remove_chunk(zone_named("default"), sha256("0123456789")));
  EXPECT_EQ(get({}).status, 404);
}

// Want-Repr-Digest (RFC 9530) says that somebody got wrong bytes before.
TEST_F(BucketRoutesTest, ReadsAnObjectFirstForWhoGotWrongBytes) {
  const HttpFields doubting{{"Want-Repr-Digest", "sha-256=10"}};
  EXPECT_EQ(get(doubting).body, "0123456789");
  std::filesystem::path chunk;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_))
    if (entry.path().filename() == sha256("0123456789").hex()) chunk = entry.path();
  std::filesystem::permissions(chunk, std::filesystem::perms::owner_all);
  std::filesystem::resize_file(chunk, 4);
  EXPECT_EQ(get({}).body, "0123") << "nobody reads it in vain";
  const Answer answer = get(doubting);
  EXPECT_EQ(answer.failure().code, Code::corrupt);
  EXPECT_TRUE(answer.failure().message.contains("can store it again")) << answer.failure().message;
  EXPECT_FALSE(std::filesystem::exists(chunk));
  EXPECT_EQ(get({}).failure().code, Code::not_found);

  const wire::BegunUpload begun = begin(key, one_chunk("0123456789"));
  ASSERT_TRUE(begun.puts.at(0)) << "it is wanted again";
  EXPECT_EQ(put(*begun.puts[0], "0123456789").status, 201);
  EXPECT_EQ(commit(key, {*begun.id, {}, {}}).state, "present");
  EXPECT_EQ(get(doubting).body, "0123456789");
}

TEST_F(BucketRoutesTest, RefusesUrlsThatItDidNotMake) {
  get({});
  RequestHead altered = head_of_url(Method::get, *url_);
  altered.query += "0";
  EXPECT_EQ(send(altered).status, 403);
  EXPECT_EQ(send(head_of_url(Method::put, *url_), "0123456789").status, 403);
  EXPECT_EQ(send(head(Method::get, "/bucket/default/chunks/" + sha256("0123456789").hex())).status, 403);
  EXPECT_EQ(send(head(Method::get, "/bucket/../catalog.db")).status, 403);
  EXPECT_EQ(audit_lines().find("signature="), std::string::npos) << "a URL is a secret";
}

TEST_F(BucketRoutesTest, WrongBytesLeaveNothing) {
  const wire::BegunUpload begun = begin(key, one_chunk("right"));
  EXPECT_EQ(put(*begun.puts.at(0), "wrong").status, 422);
  EXPECT_FALSE(parts_->bucket.has_chunk(zone_named("default"), sha256("right")).value());
  EXPECT_FALSE(parts_->bucket.has_chunk(zone_named("default"), sha256("wrong")).value());
  EXPECT_EQ(commit(key, {*begun.id, {}, {}}).state, "refused");
  EXPECT_EQ(put(*begun.puts.at(0), "right").status, 201) << "the failure does not block it";
  EXPECT_EQ(put(*begun.puts.at(0), "right").status, 412) << "again, before the URL has ended";
}

TEST_F(BucketRoutesTest, ABodyOfAnotherLengthIsRefused) {
  const wire::BegunUpload begun = begin(key, one_chunk("right"));
  EXPECT_EQ(put(*begun.puts.at(0), "righ").status, 400);
  EXPECT_EQ(put(*begun.puts.at(0), "right!").status, 400);
  EXPECT_EQ(put(*begun.puts.at(0), "").status, 400);
}

TEST_F(BucketRoutesTest, AConnectionThatBreaksLeavesNothing) {
  const std::string content(3'000'000, 'x');
  const wire::BegunUpload begun = begin(key, one_chunk(content));
  HttpFields fields;
  for (const wire::Header& header : begun.puts.at(0)->headers) fields.add(header.name, header.value);
  MemoryRequest request(head_of_url(Method::put, begun.puts[0]->url, fields), content);
  request.breaks_at = 2'000'000;
  EXPECT_EQ(send(request).status, 503);
  EXPECT_FALSE(parts_->bucket.has_chunk(zone_named("default"), sha256(content)).value());
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ / "bucket"))
    if (entry.is_regular_file()) ++files;
  EXPECT_EQ(files, 0U);
}

TEST_F(BucketRoutesTest, AUrlOfWhoeverWasRevokedIsOver) {
  const KeyPair second = KeyPair::generate();
  add_node(second, "owner");
  const wire::BegunUpload begun = begin(second, one_chunk("too late"));
  ASSERT_TRUE(catalog().people().revoke_node(second.node_id(), now_ms()));
  refresh();
  EXPECT_EQ(put(*begun.puts.at(0), "too late").status, 403);
}

TEST_F(BucketRoutesTest, CountsWhatReallyWent) {
  get({});
  get({{"Range", "bytes=0-4"}});
  const auto flushed = on_loop<Result<>>([this] { return parts_->usage.flush(); });
  ASSERT_TRUE(flushed);
  const auto usage = catalog().usage().usage(zone_named("default"), "2000-01-01", "2100-01-01").value();
  ByteCount uploaded = 0;
  ByteCount downloaded = 0;
  for (const UsageRecord& record : usage) {
    uploaded += record.upload_bytes;
    downloaded += record.download_bytes;
  }
  EXPECT_EQ(uploaded, 10U);
  EXPECT_EQ(downloaded, 15U);
}

}  // namespace
}  // namespace kachery::hub
