#include "chunk/manifest.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fstream>

#include "crypto/hasher.h"
#include "crypto/key_pair.h"
#include "json/json.h"

namespace kachery {
namespace {

Digest sha256_of(std::string_view text) {
  return Hasher::of(Algorithm::sha256, as_bytes(text));
}

std::vector<ChunkEntry> entries(std::size_t count, ByteCount size) {
  std::vector<ChunkEntry> chunks;
  chunks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) chunks.push_back({sha256_of(std::to_string(i)), size});
  return chunks;
}

json::Value vectors() {
  std::ifstream file(std::string(KACHERY_VECTORS) + "/manifest.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto value = json::parse(text);
  EXPECT_TRUE(value) << value.error().message;
  return value ? *value : json::Value();
}

std::string text_of(const json::Value& object, const char* name) {
  return *object.find(name)->if_string();
}

std::string replaced(std::string text, std::string_view part, std::string_view other) {
  const std::size_t place = text.find(part);
  EXPECT_NE(place, std::string::npos) << part;
  return text.replace(place, part.size(), other);
}

TEST(Manifest, EveryByteIsThatOfTheVectorsAndSoIsTheSignedClaim) {
  const json::Value known = vectors();
  std::vector<ChunkEntry> chunks;
  std::string content;
  for (const json::Value& chunk : *known.find("chunks")->if_array()) {
    chunks.push_back({sha256_of(*chunk.if_string()), chunk.if_string()->size()});
    content += *chunk.if_string();
  }
  std::vector<std::byte> seed(KeyPair::kSeedSize);
  ASSERT_TRUE(from_hex(text_of(known, "seed"), seed));
  const KeyPair key(seed);
  EXPECT_EQ(key.node_id().hex(), text_of(known, "node"));

  const json::Array& files = *known.find("files")->if_array();
  ASSERT_EQ(files.size(), kAlgorithms.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Digest file = Hasher::of(kAlgorithms[i], as_bytes(content));
    const ManifestTexts made = make_manifest(file, chunks);
    ASSERT_EQ(made.pages.size(), 1U);
    EXPECT_EQ(made.pages[0].str(), text_of(known, "page"));
    EXPECT_EQ(made.root.pages[0].sha256.hex(), text_of(known, "page_sha256"));
    EXPECT_EQ(made.root.str(), text_of(files[i], "manifest"));
    const Digest name = sha256_of(made.root.str());
    EXPECT_EQ(name.hex(), text_of(files[i], "manifest_sha256"));
    const std::string claim = claim_text(file, content.size(), name);
    EXPECT_EQ(claim, text_of(files[i], "claim"));
    EXPECT_EQ(to_hex(key.sign(as_bytes(claim))), text_of(files[i], "signature"));
  }
}

TEST(Manifest, WhatIsMadeParsesToTheSameAndItsPagesFit) {
  EXPECT_TRUE(rc::check([] {
    const std::size_t count = *rc::gen::elementOf(
        std::vector<std::size_t>{1, 2, 100, kManifestPageEntries, kManifestPageEntries + 1, 9000});
    const ByteCount size = *rc::gen::inRange<ByteCount>(1, kManifestChunkBytesMax + 1);
    const auto chunks = entries(count, size);
    const ManifestTexts made = make_manifest(sha256_of("file"), chunks);
    const auto root = Manifest::parse(made.root.str());
    RC_ASSERT(bool(root));
    RC_ASSERT(*root == made.root);
    RC_ASSERT(root->size == count * size);
    std::vector<ChunkEntry> read;
    for (std::size_t i = 0; i < made.pages.size(); ++i) {
      const auto page = parse_page(root->pages[i], made.pages[i].str());
      RC_ASSERT(bool(page));
      read.insert(read.end(), page->chunks.begin(), page->chunks.end());
    }
    RC_ASSERT(read == chunks);
  }));
}

TEST(Manifest, AnyOtherTextIsRefusedBecauseTheNameIsItsHash) {
  const std::string good = make_manifest(sha256_of("file"), entries(kManifestPageEntries + 2, 7)).root.str();
  ASSERT_TRUE(Manifest::parse(good));
  for (const std::string& text : {
           std::string(),
           std::string("null"),
           std::string("{}"),
           good + "\n",
           " " + good,
           replaced(good, "\"size\":", "\"size\": "),
           replaced(good, "manifest 1", "manifest 2"),
           replaced(good, "{\"kachery\":\"manifest 1\",", "{"),
           replaced(good, "\"size\":28686", "\"size\":28687"),
           replaced(good, "\"size\":28686", "\"size\":28686.0"),
           replaced(good, "\"size\":28686", "\"size\":\"28686\""),
           replaced(good, "\"size\":28686", "\"size\":18446744073709580302"),
           replaced(good, "\"chunks\":4096", "\"chunks\":4095"),
           replaced(good, "\"chunks\":2", "\"chunks\":0"),
           replaced(good, "\"chunks\":2", "\"chunks\":4097"),
           replaced(good, "\"chunks\":2", "\"chunks\":2,\"more\":1"),
           replaced(good, "sha256:", "sha1:"),
           replaced(good, "sha256:", "md5:"),
           replaced(good, "sha256:", "sha256"),
           replaced(good, "\"pages\":[",
                    "\"pages\":["
                    "[],"),
           replaced(good, "\"pages\"", "\"Pages\""),
           replaced(good, "\"digest\"", "\"\\u0064igest\""),
           replaced(good, "{\"kachery\":\"manifest 1\",", "{\"size\":28686,\"kachery\":\"manifest 1\","),
       }) {
    const auto manifest = Manifest::parse(text);
    ASSERT_FALSE(manifest) << text;
    EXPECT_EQ(manifest.error().code, Code::corrupt) << text;
  }
}

TEST(Manifest, OneWithoutPagesOrWithImpossibleSizesIsRefused) {
  const Digest file = sha256_of("file");
  const Digest page = sha256_of("page");
  EXPECT_TRUE(Manifest::parse(Manifest{file, 2, {{page, 2, 2}}}.str()));
  const ByteCount most = 2 * kManifestChunkBytesMax;
  EXPECT_TRUE(Manifest::parse(Manifest{file, most, {{page, 2, most}}}.str()));
  EXPECT_FALSE(Manifest::parse(Manifest{file, most + 1, {{page, 2, most + 1}}}.str()));
  EXPECT_FALSE(Manifest::parse(Manifest{file, 1, {{page, 2, 1}}}.str()));
  EXPECT_FALSE(Manifest::parse(Manifest{file, 0, {}}.str()));
  EXPECT_FALSE(Manifest::parse(Manifest{file, 4, {{page, 2, 2}, {page, 2, 2}}}.str()));
}

TEST(ManifestPage, AnyOtherTextIsRefused) {
  const std::string good = ManifestPage{entries(2, 20)}.str();
  ASSERT_TRUE(ManifestPage::parse(good));
  for (const std::string& text : {
           std::string(),
           std::string("\n"),
           good.substr(0, good.size() - 1),
           good + "\n",
           good + good.substr(1),
           replaced(good, " 20\n", " 20\r\n"),
           replaced(good, " 20\n", "  20\n"),
           replaced(good, " 20\n", " 020\n"),
           replaced(good, " 20\n", " +20\n"),
           replaced(good, " 20\n", " -20\n"),
           replaced(good, " 20\n", " 20 \n"),
           replaced(good, " 20\n", " 0\n"),
           replaced(good, " 20\n", " \n"),
           replaced(good, " 20\n", " 0x20\n"),
           replaced(good, " 20\n", " 16777217\n"),
           replaced(good, " 20\n", " 18446744073709551636\n"),
           replaced(good, " 20\n", "\t20\n"),
           replaced(good, "f", "F"),
           ManifestPage{entries(kManifestPageEntries + 1, 20)}.str(),
       }) {
    const auto page = ManifestPage::parse(text);
    ASSERT_FALSE(page) << text;
    EXPECT_EQ(page.error().code, Code::corrupt) << text;
  }
}

TEST(ManifestPage, IsRefusedWhereTheRootNamesAnother) {
  const ManifestTexts made = make_manifest(sha256_of("file"), entries(3, 20));
  const std::string text = made.pages[0].str();
  Manifest::Page expected = made.root.pages[0];
  ASSERT_TRUE(parse_page(expected, text));
  EXPECT_EQ(parse_page(expected, replaced(text, " 20\n", " 21\n")).error().code, Code::corrupt);
  expected.chunks = 2;
  EXPECT_EQ(parse_page(expected, text).error().code, Code::corrupt);
  expected = made.root.pages[0];
  expected.size = 61;
  EXPECT_EQ(parse_page(expected, text).error().code, Code::corrupt);
}

}  // namespace
}  // namespace kachery
