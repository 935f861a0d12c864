#include "hub/gateway/file_handlers.h"

#include "hub/gateway/gateway_fixture.h"

namespace kachery::hub {
namespace {

class FileRoutesTest : public HubTest {
 protected:
  FileRoutesTest() { add_node(key, "owner"); }

  // A body of small files as it ought to be.
  static std::string small_body(const std::vector<std::pair<Digest, std::string>>& files) {
    wire::PutSmall message{.zone = zone_named("default"), .files = {}};
    std::string bytes;
    for (const auto& [digest, content] : files) {
      message.files.push_back({digest, content.size()});
      bytes += content;
    }
    return wire::print(message) + "\n" + bytes;
  }
  std::vector<wire::Outcome> put_small(const std::vector<std::pair<Digest, std::string>>& files) {
    return post(&key, "/v1/files/put", small_body(files)).message<wire::Outcomes>().files;
  }
  Answer get_small(const KeyPair* who, const std::vector<Digest>& digests) {
    return call(who, "/v1/files/get", wire::GetSmall{.zone = zone_named("default"), .digests = digests});
  }
  wire::FileList list(const KeyPair& who, bool mine) {
    return call(&who, "/v1/files/list",
                wire::ListFiles{.zone = zone_named("default"), .mine = mine, .after = {}})
        .message<wire::FileList>();
  }
  Answer remove(const KeyPair& who, const Digest& digest, bool everybody) {
    return call(
        &who, "/v1/files/remove",
        wire::RemoveFiles{.zone = zone_named("default"), .digests = {digest}, .everybody = everybody});
  }

  const KeyPair key = KeyPair::generate();
};

TEST_F(FileRoutesTest, WhatWasUploadedIsFoundAndFetchedByItsUrl) {
  upload(key, "the content");
  const auto found = find(nullptr, sha1("the content"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size, 11U);
  EXPECT_EQ(found->sha256, sha256("the content"));
  const Answer got = send(head_of_url(Method::get, found->url.value()));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "the content");
  EXPECT_FALSE(find(nullptr, sha1("another")));
}

TEST_F(FileRoutesTest, UrlsEndWithinAnHour) {
  upload(key, "the content");
  const auto found = find(nullptr, sha1("the content"));
  clock_.now_ms += 3'601'000;
  EXPECT_EQ(send(head_of_url(Method::get, found->url.value())).status, 403);
}

TEST_F(FileRoutesTest, BatchesHaveALimit) {
  const wire::Find many{.zone = zone_named("default"), .digests = std::vector(wire::kFindMax, sha1("x"))};
  EXPECT_EQ(call(nullptr, "/v1/files/find", many).message<wire::FoundFiles>().files.size(), wire::kFindMax);
  wire::Find more = many;
  more.digests.push_back(sha1("y"));
  EXPECT_EQ(call(nullptr, "/v1/files/find", more).status, 400);
  EXPECT_EQ(get_small(nullptr, std::vector(wire::kSmallFilesMax + 1, sha1("x"))).status, 400);
}

TEST_F(FileRoutesTest, ManySmallFilesGoInOneBodyAndComeBackInOne) {
  std::vector<std::pair<Digest, std::string>> files;
  std::string expected;
  std::vector<Digest> digests;
  for (int i = 0; i < 300; ++i) {
    const std::string content(static_cast<std::size_t>(i) * 40, static_cast<char>('a' + i % 26));
    files.emplace_back(sha1(content), content);
    digests.push_back(sha1(content));
    expected += wire::print(wire::SmallFile{sha1(content), content.size()}) + "\n" + content;
  }
  for (const wire::Outcome& outcome : put_small(files)) EXPECT_EQ(outcome.state, "stored");
  for (const wire::Outcome& outcome : put_small(files)) EXPECT_EQ(outcome.state, "present");
  const Answer back = get_small(nullptr, digests);
  EXPECT_EQ(back.field("content-type"), "application/x-kachery-files");
  EXPECT_EQ(back.body, expected);
}

TEST_F(FileRoutesTest, ContentThatIsNotItsDigestIsRefusedAlone) {
  const auto outcomes = put_small({{sha1("one"), "one"}, {sha1("two"), "2wo"}, {sha256("three"), "three"}});
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[0].state, "stored");
  EXPECT_EQ(outcomes[1].state, "refused");
  EXPECT_EQ(outcomes[1].code, Code::corrupt);
  EXPECT_EQ(outcomes[2].state, "stored");
  EXPECT_FALSE(find(nullptr, sha1("two")));
  EXPECT_TRUE(find(nullptr, sha256("three")));
}

// Whoever is over the quota must not fill the disk either.
TEST_F(FileRoutesTest, SmallFilesThatAreOverTheQuotaAreNotKept) {
  ASSERT_TRUE(catalog().zones().set_quota(zone_named("default"), user("owner"), {.bytes = 5, .objects = {}}));
  const auto outcomes = put_small({{sha1("one"), "one"}, {sha1("three"), "three"}});
  EXPECT_EQ(outcomes.at(0).state, "stored");
  EXPECT_EQ(outcomes.at(1).code, Code::exhausted);
  const auto collected =
      on_loop<Result<std::size_t>>([this] { return collect_garbage(parts_->gateway.shared()); });
  EXPECT_EQ(collected.value(), 1U);
  EXPECT_FALSE(parts_->bucket.has_chunk(zone_named("default"), sha256("three")).value());
  EXPECT_TRUE(find(nullptr, sha1("one")));
}

TEST_F(FileRoutesTest, BodiesOfSmallFilesAreExact) {
  const std::string good = small_body({{sha1("one"), "one"}});
  for (const std::string& body :
       {good + "x", good.substr(0, good.size() - 1), good.substr(0, good.find('\n')), std::string("\n"),
        std::string(R"({"zone":"default","files":[{"digest":"sha1:)") + sha1("").hex() +
            "\",\"size\":null}],\"channel\":null}\n",
        small_body({{sha1("x"), std::string(wire::kSmallFileBytes + 1, 'x')}})}) {
    EXPECT_EQ(post(&key, "/v1/files/put", body).status, 400) << body.substr(0, 200);
  }
  EXPECT_EQ(post(&key, "/v1/files/put", std::string(10 << 20, 'x')).status, 413);
  EXPECT_EQ(post(nullptr, "/v1/files/put", good).status, 403);
  EXPECT_FALSE(find(nullptr, sha1("one")));
}

TEST_F(FileRoutesTest, LargerFilesComeWithoutBytesAndWithTheOthersInOrder) {
  const std::string large(wire::kSmallFileBytes + 1, 'L');
  upload(key, large);
  upload(key, "small");
  const Answer answer = get_small(nullptr, {sha1(large), sha1("nowhere"), sha1("small")});
  EXPECT_EQ(answer.body, wire::print(wire::SmallFile{sha1(large), {}}) + "\n" +
                             wire::print(wire::SmallFile{sha1("nowhere"), {}}) + "\n" +
                             wire::print(wire::SmallFile{sha1("small"), 5}) + "\nsmall");
}

TEST_F(FileRoutesTest, EmptyFilesAreFiles) {
  EXPECT_EQ(put_small({{sha1(""), ""}}).at(0).state, "stored");
  const auto found = find(nullptr, sha1(""));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size, 0U);
  const Answer got = send(head_of_url(Method::get, found->url.value()));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "");
}

TEST_F(FileRoutesTest, EverybodyRemovesWhatTheyStoredAndTheLastOneRemovesIt) {
  create_zone("shared", "owner", {.public_upload = true, .public_download = true});
  const KeyPair bobs = KeyPair::generate();
  add_node(bobs, "bob");
  ASSERT_TRUE(catalog().zones().set_settings(zone_named("default"), {.public_upload = true}));
  refresh();
  upload(key, "of two");
  const wire::BegunUpload begun = begin(bobs, one_chunk("of two"));
  if (begun.outcome.state == "open") {
    ASSERT_NE(commit(bobs, {*begun.id, {}, {}}).state, "refused");
  }
  EXPECT_EQ(list(bobs, true).files.size(), 1U);

  EXPECT_EQ(remove(bobs, sha1("of two"), true).status, 403);
  EXPECT_EQ(remove(key, sha1("of two"), false).message<wire::Removals>().removed, std::vector{true});
  EXPECT_EQ(remove(key, sha1("of two"), false).message<wire::Removals>().removed, std::vector{false});
  EXPECT_TRUE(find(nullptr, sha1("of two")));
  EXPECT_EQ(remove(bobs, sha1("of two"), false).message<wire::Removals>().removed, std::vector{true});
  EXPECT_FALSE(find(nullptr, sha1("of two")));
}

TEST_F(FileRoutesTest, AnAdminListsAndRemovesWhatAllStored) {
  ASSERT_TRUE(catalog().zones().set_settings(zone_named("default"), {.public_upload = true}));
  refresh();
  const KeyPair bobs = KeyPair::generate();
  add_node(bobs, "bob");
  upload(bobs, "bob's");
  EXPECT_EQ(list(key, true).files.size(), 0U);
  ASSERT_EQ(list(key, false).files.size(), 1U);
  EXPECT_EQ(list(key, false).files[0].user, user("bob"));
  EXPECT_EQ(call(&bobs, "/v1/files/list",
                 wire::ListFiles{.zone = zone_named("default"), .mine = false, .after = {}})
                .status,
            403);
  EXPECT_EQ(remove(key, sha1("bob's"), true).message<wire::Removals>().removed, std::vector{true});
  EXPECT_FALSE(find(nullptr, sha1("bob's")));
}

// Who lost the right gets nothing more, even by a URL they have.
TEST_F(FileRoutesTest, AUrlEndsWithTheRightItWasMadeBy) {
  upload(key, "the content");
  const auto found = find(nullptr, sha1("the content"));
  ASSERT_TRUE(catalog().zones().set_settings(zone_named("default"), {.public_download = false}));
  refresh();
  EXPECT_EQ(send(head_of_url(Method::get, found->url.value())).status, 403);
  const auto owners = find(&key, sha1("the content"));
  EXPECT_EQ(send(head_of_url(Method::get, owners->url.value())).status, 200);
}

}  // namespace
}  // namespace kachery::hub
