#include "bucket/urls.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <functional>

namespace kachery {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;
constexpr std::string_view kBase = "https://hub.example:8443/kachery";
constexpr std::string_view kActor = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr std::string_view kUpload = "0f1e2d3c";

Digest sha256_with(char digit) {
  return *Digest::parse(Algorithm::sha256, std::string(64, digit));
}

BucketObject chunk() {
  return {*ZoneName::parse("default"), sha256_with('c')};
}

BucketObject manifest() {
  return {*ZoneName::parse("default"), sha256_with('d'),
          *Digest::parse(Algorithm::sha1, std::string(40, 'f'))};
}

BucketUrls urls(std::string_view key = "0123456789abcdef0123456789abcdef") {
  return {Secret(as_bytes(key)), *Url::parse(kBase)};
}

// The request as the hub gets it: without the prefix of its address.
RequestHead request(Method method, const std::string& url, const HttpFields& fields = {}) {
  EXPECT_TRUE(url.starts_with(kBase)) << url;
  const std::string target = url.substr(kBase.size());
  const std::size_t mark = std::min(target.find('?'), target.size());
  return {
      method, target.substr(0, mark), target.substr(std::min(mark + 1, target.size())), fields, "127.0.0.1",
      true,   std::string(32, '0')};
}

RequestHead good_get() {
  return request(Method::get, urls().get(chunk(), kActor, kNow + 300));
}

RequestHead good_put() {
  const SignedPut put = urls().put(chunk(), kActor, kUpload, 1234, kNow + 300);
  HttpFields fields{{"Host", "hub.example"}, {"User-Agent", "test"}};
  fields.add(put.fields);
  return request(Method::put, put.url, fields);
}

std::string replaced(std::string text, std::string_view part, std::string_view other) {
  const std::size_t place = text.find(part);
  EXPECT_NE(place, std::string::npos) << part << " in " << text;
  return text.replace(place, part.size(), other);
}

// The fields of the good PUT, but one of them with another value, or without it.
HttpFields fields_with(std::string_view name, const std::optional<std::string>& value) {
  HttpFields fields;
  bool found = false;
  for (const HttpField& field : good_put().fields) {
    found = found || field.name == name;
    if (field.name != name) fields.add(field.name, field.value);
    if (field.name == name && value) fields.add(field.name, *value);
  }
  EXPECT_TRUE(found) << name;
  return fields;
}

// A role that was taken away is not got round by a URL that was made while it was there.
TEST(BucketUrls, SayOfWhichChannelTheyAre) {
  BucketObject of_channel = chunk();
  of_channel.channel = ChannelName::parse("neuro.rats").value();
  const std::string url = urls().get(of_channel, kActor, kNow + 300);
  const auto permit = urls().check(request(Method::get, url), kNow);
  ASSERT_TRUE(permit) << permit.error().message;
  EXPECT_EQ(permit->object, of_channel);
  for (const auto& [part, other] :
       {std::pair("&channel=neuro.rats", ""), std::pair("=neuro.rats", "=neuro.mice"),
        std::pair("=neuro.rats", "="), std::pair("=neuro.rats", "=neuro%2Erats")})
    EXPECT_FALSE(urls().check(request(Method::get, replaced(url, part, other)), kNow)) << other;
  const SignedPut put = urls().put(of_channel, kActor, kUpload, 1234, kNow + 300);
  EXPECT_EQ(urls().check(request(Method::put, put.url, put.fields), kNow)->object, of_channel);
}

TEST(BucketUrls, WhatWasMadeMayBeUsedAndSaysWhatFor) {
  const auto get = urls().check(good_get(), kNow);
  ASSERT_TRUE(get) << get.error().message;
  EXPECT_EQ(get->method, Method::get);
  EXPECT_EQ(get->object, chunk());
  EXPECT_EQ(get->actor, kActor);

  RequestHead head = good_get();
  head.method = Method::head;
  EXPECT_TRUE(urls().check(head, kNow));
  EXPECT_TRUE(urls().check(good_get(), kNow + 299));

  const auto put = urls().check(good_put(), kNow);
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->method, Method::put);
  EXPECT_EQ(put->object, chunk());
  EXPECT_EQ(put->size, 1234U);
  EXPECT_EQ(put->upload, kUpload);
  EXPECT_EQ(put->actor, kActor);

  const auto of_manifest = urls().check(request(Method::get, urls().get(manifest(), "", kNow + 1)), kNow);
  ASSERT_TRUE(of_manifest);
  EXPECT_EQ(of_manifest->object, manifest());
  EXPECT_EQ(of_manifest->actor, "");
}

TEST(BucketUrls, EveryByteIsSignedAsTheProtocolsPageSays) {
  // Signatures by another program (Python's hmac).
  EXPECT_EQ(urls().get(chunk(), kActor, kNow),
            std::string(kBase) + "/bucket/default/chunks/" + std::string(64, 'c') +
                "?expires=1700000000&actor=" + std::string(kActor) +
                "&signature=5fd2e1e3200b6fb38c0a99b6dab959730c99f9fbe13dd09a6d487ccbb5a6c986");
  const SignedPut put = urls().put(manifest(), "", kUpload, 1234, kNow);
  EXPECT_EQ(put.url, std::string(kBase) + "/bucket/default/manifests/sha1-" + std::string(40, 'f') + "/" +
                         std::string(64, 'd') +
                         "?expires=1700000000&actor=&upload=0f1e2d3c&size=1234"
                         "&signature=fb458f730935e7653a48e3a213595fb88404e1c604e66dc15a71134d94aa9cf1");
}

TEST(BucketUrls, WhatIsSignedMayBeAnyTextAndComesBackAsItWas) {
  EXPECT_TRUE(rc::check([](const std::string& actor, const std::string& upload, ByteCount size) {
    const SignedPut put = urls().put(manifest(), actor, upload, size, kNow + 1);
    const auto permit = urls().check(request(Method::put, put.url, put.fields), kNow);
    RC_ASSERT(bool(permit));
    RC_ASSERT(permit->actor == actor);
    RC_ASSERT(permit->upload == upload);
    RC_ASSERT(permit->size == size);
    RC_ASSERT(permit->object == manifest());
  }));
}

struct Misuse {
  const char* what;
  std::function<void(RequestHead&)> change;
};

void expect_refused(const RequestHead& good, std::span<const Misuse> misuses) {
  ASSERT_TRUE(urls().check(good, kNow));
  for (const Misuse& misuse : misuses) {
    RequestHead head = good;
    misuse.change(head);
    const auto permit = urls().check(head, kNow);
    ASSERT_FALSE(permit) << misuse.what;
    EXPECT_EQ(permit.error().code, Code::denied) << misuse.what;
  }
}

// A change of one part of the path or of the query.
Misuse path(const char* what, const std::string& part, const std::string& other) {
  return {what, [=](RequestHead& head) { head.path = replaced(head.path, part, other); }};
}
Misuse query(const char* what, const std::string& part, const std::string& other) {
  return {what, [=](RequestHead& head) { head.query = replaced(head.query, part, other); }};
}
Misuse method(const char* what, Method other) {
  return {what, [=](RequestHead& head) { head.method = other; }};
}
Misuse field(const char* what, const std::string& name, const std::optional<std::string>& value) {
  return {what, [=](RequestHead& head) { head.fields = fields_with(name, value); }};
}
Misuse more(const char* what, const std::string& name, const std::string& value) {
  return {what, [=](RequestHead& head) { head.fields.add(name, value); }};
}

TEST(BucketUrls, AGetIsGoodForNothingElse) {
  const std::string c(64, 'c');
  const std::string put_query = good_put().query;
  const std::vector<Misuse> misuses{
      method("PUT", Method::put),
      method("POST", Method::post),
      method("DELETE", Method::delete_),
      method("OPTIONS", Method::options),
      path("another zone", "default", "other"),
      path("a zone of another case", "default", "Default"),
      path("an empty zone", "default", ""),
      path("a zone of dots", "default", ".."),
      path("another chunk", "cc", "cd"),
      path("upper-case digits", c, std::string(64, 'C')),
      path("one upper-case digit", "/cc", "/Cc"),
      path("a manifest instead of a chunk", "chunks/", "manifests/sha1-" + std::string(40, 'f') + "/"),
      path("a shorter name", c, c.substr(1)),
      path("a longer name", c, c + "c"),
      path("a SHA-1", c, std::string(40, 'c')),
      path("a slash at the end", c, c + "/"),
      path("two slashes", "default/", "default//"),
      path("dot segments", "default/", "default/../default/"),
      path("one dot", "default/", "default/./"),
      path("encoded dot segments", "default/", "default/%2e%2e/default/"),
      path("an encoded slash", "default/", "default%2f"),
      path("an encoded letter", "default", "%64efault"),
      path("parameters of the path", "default", "default;a=b"),
      path("without /bucket", "/bucket", ""),
      path("with the prefix of the address", "/bucket", "/kachery/bucket"),
      path("a null byte", c, c + std::string(1, '\0')),
      query("expires later", "expires=1700000300", "expires=1700000301"),
      query("a leading zero", "expires=1700000300", "expires=01700000300"),
      query("a plus sign", "expires=1700000300", "expires=+1700000300"),
      query("too long a number", "expires=", "expires=99999999999"),
      query("an encoded digit", "expires=1", "expires=%31"),
      query("an upper-case name", "expires", "Expires"),
      query("no expiry", "expires=1700000300&", ""),
      query("the expiry twice", "expires=1700000300&", "expires=1700000300&expires=1700000300&"),
      query("another actor", "actor=a", "actor=b"),
      query("no actor's name", "actor=" + std::string(kActor), "actor="),
      query("no actor", "actor=" + std::string(kActor) + "&", ""),
      query("another parameter in front", "expires", "a=b&expires"),
      query("another parameter between", "&actor", "&a=b&actor"),
      query("another parameter before the signature", "&signature", "&a=b&signature"),
      query("an empty parameter", "&actor", "&&actor"),
      query("a semicolon", "&actor", ";actor"),
      query("the method of an upload", "&signature", "&upload=0&size=1&signature"),
      query("no signature", "&signature", "&"),
      {"another parameter at the end", [](RequestHead& head) { head.query += "&a=b"; }},
      {"the signature twice",
       [](RequestHead& head) { head.query += head.query.substr(head.query.find("&signature")); }},
      {"parameters in another order",
       [](RequestHead& head) {
         head.query = "actor=" + std::string(kActor) + "&expires=1700000300" +
                      head.query.substr(head.query.find("&sig"));
       }},
      {"a shorter signature", [](RequestHead& head) { head.query.pop_back(); }},
      {"a longer signature", [](RequestHead& head) { head.query += "0"; }},
      {"no query", [](RequestHead& head) { head.query.clear(); }},
      {"the query of a PUT", [=](RequestHead& head) { head.query = put_query; }},
      {"the query of another chunk",
       [](RequestHead& head) {
         BucketObject other = chunk();
         other.name = sha256_with('e');
         head.query = request(Method::get, urls().get(other, kActor, kNow + 300)).query;
       }},
      {"a signature by another key",
       [](RequestHead& head) {
         head =
             request(Method::get, urls("another key of 32 bytes, or so...").get(chunk(), kActor, kNow + 300));
       }},
      {"an expiry that is this second",
       [](RequestHead& head) { head = request(Method::get, urls().get(chunk(), kActor, kNow)); }},
      {"an expiry in the past",
       [](RequestHead& head) { head = request(Method::get, urls().get(chunk(), kActor, kNow - 1)); }},
      {"an expiry before 1970",
       [](RequestHead& head) { head = request(Method::get, urls().get(chunk(), kActor, -1)); }},
  };
  EXPECT_GE(misuses.size(), 45U);
  expect_refused(good_get(), misuses);
}

TEST(BucketUrls, APutIsGoodForOneBodyOnly) {
  const std::string c(64, 'c');
  const std::string get_query = good_get().query;
  const std::vector<Misuse> misuses{
      method("GET", Method::get),
      method("HEAD", Method::head),
      method("POST", Method::post),
      path("another zone", "default", "other"),
      path("another chunk", "cc", "cd"),
      query("another size", "size=1234", "size=1235"),
      query("a size with a leading zero", "size=1234", "size=01234"),
      query("a negative size", "size=1234", "size=-1234"),
      query("another upload", "upload=0", "upload=1"),
      query("no upload", "&upload=0f1e2d3c", ""),
      query("expires later", "1700000300", "1700000900"),
      {"the query of a GET", [=](RequestHead& head) { head.query = get_query; }},
      {"no fields", [](RequestHead& head) { head.fields = {}; }},
      field("shorter", "content-length", "1233"),
      field("longer", "content-length", "1235"),
      field("a length in another form", "content-length", "01234"),
      field("no length", "content-length", std::nullopt),
      field("another type", "content-type", "text/html"),
      field("a type with parameters", "content-type", "application/octet-stream; charset=utf-8"),
      field("no type", "content-type", std::nullopt),
      field("a condition that allows to replace", "if-none-match", "\"etag\""),
      field("no condition", "if-none-match", std::nullopt),
      field("other bytes", "x-amz-content-sha256", std::string(64, 'e')),
      field("upper-case digits", "x-amz-content-sha256", std::string(64, 'C')),
      field("bytes that nobody says", "x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
      field("no hash", "x-amz-content-sha256", std::nullopt),
      more("two lengths", "Content-Length", "1234"),
      more("two types", "Content-Type", "application/octet-stream"),
      more("two conditions", "If-None-Match", "*"),
      more("two hashes", "X-Amz-Content-Sha256", c),
      more("rights that nobody signed", "X-Amz-Acl", "public-read"),
      more("a copy", "x-amz-copy-source", "/other/object"),
      more("tags", "x-amz-tagging", "a=b"),
      more("a coding", "Content-Encoding", "gzip"),
      more("a range", "Content-Range", "bytes 0-1/2"),
      more("a chunked body", "Transfer-Encoding", "chunked"),
      more("another condition", "If-Match", "\"etag\""),
  };
  expect_refused(good_put(), misuses);
}

TEST(BucketUrls, EveryFlippedBitOfTheTargetIsRefused) {
  const RequestHead good = good_put();
  for (std::size_t bit = 0; bit < 8 * (good.path.size() + good.query.size()); ++bit) {
    RequestHead head = good;
    const std::size_t place = bit / 8;
    char& byte = place < head.path.size() ? head.path[place] : head.query[place - head.path.size()];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << (bit % 8)));
    ASSERT_FALSE(urls().check(head, kNow)) << head.path << "?" << head.query;
  }
}

TEST(BucketUrls, AnExpiredOneSaysSoAndAForgedOneDoesNot) {
  const auto expired = urls().check(good_get(), kNow + 300);
  ASSERT_FALSE(expired);
  EXPECT_NE(expired.error().message.find("expired"), std::string::npos);
  RequestHead forged = good_get();
  forged.query = replaced(forged.query, "1700000300", "1600000000");
  EXPECT_EQ(urls().check(forged, kNow).error().message.find("has expired"), std::string::npos);
}

}  // namespace
}  // namespace kachery
