#include "chunk/gen1_manifest.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kachery {
namespace {

Digest digest_with(char digit) {
  return *Digest::parse(Algorithm::sha1, std::string(40, digit));
}

TEST(Gen1Manifest, PrintsEveryByteAsTheFirstGenerationDid) {
  const Gen1Manifest manifest{20'000'001, digest_with('a'), {digest_with('b'), digest_with('c')}};
  EXPECT_EQ(manifest.str(), R"({"size":20000001,"sha1":")" + std::string(40, 'a') +
                                R"(","chunks":[{"start":0,"end":20000000,"sha1":")" + std::string(40, 'b') +
                                R"("},{"start":20000000,"end":20000001,"sha1":")" + std::string(40, 'c') +
                                R"("}]})");
}

TEST(Gen1Manifest, WhatIsPrintedParsesToTheSame) {
  EXPECT_TRUE(rc::check([] {
    const ByteCount size = *rc::gen::inRange<ByteCount>(0, 10 * kGen1ChunkBytes);
    const Gen1Manifest manifest{size, digest_with('1'),
                                std::vector<Digest>(gen1_chunk_count(size), digest_with('2'))};
    const auto again = Gen1Manifest::parse(manifest.str());
    RC_ASSERT(bool(again));
    RC_ASSERT(*again == manifest);
  }));
}

TEST(Gen1Manifest, RefusesChunksThatAreNotThoseOfItsSize) {
  const std::string good =
      Gen1Manifest{20'000'001, digest_with('a'), {digest_with('b'), digest_with('c')}}.str();
  ASSERT_TRUE(Gen1Manifest::parse(good));
  const auto with = [&](std::string_view part, std::string_view other) {
    std::string text = good;
    return text.replace(text.find(part), part.size(), other);
  };
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), good.substr(1), with("20000001", "20000002"),
        with("20000001", "1e99"), with("\"start\":0", "\"start\":1"),
        with("\"end\":20000000", "\"end\":19999999"), with("\"sha1\"", "\"md5\""), with("bbb", "bb/"),
        with("20000001", "18446744073709551615")}) {
    const auto manifest = Gen1Manifest::parse(text);
    ASSERT_FALSE(manifest) << text;
    EXPECT_EQ(manifest.error().code, Code::corrupt) << text;
  }
}

}  // namespace
}  // namespace kachery
