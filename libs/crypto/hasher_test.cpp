#include "crypto/hasher.h"

#include <gtest/gtest.h>

namespace kachery {
namespace {

// FIPS 180-4's own examples, and the text of the document.
TEST(Hasher, GivesThePublishedDigests) {
  EXPECT_EQ(Hasher::of(Algorithm::sha1, as_bytes("abc")).hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hasher::of(Algorithm::sha1, {}).hex(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(Hasher::of(Algorithm::sha1, as_bytes("some-random-text")).hex(),
            "6af826b3d648ccba6b4bbe58e93e22add640d728");
  EXPECT_EQ(Hasher::of(Algorithm::sha256, as_bytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hasher, DoesNotCareHowTheBytesAreCut) {
  const std::string text(10'000, 'x');
  Hasher hasher(Algorithm::sha256);
  for (std::size_t i = 0; i < text.size(); i += 7) hasher.update(as_bytes(text.substr(i, 7)));
  EXPECT_EQ(hasher.finish(), Hasher::of(Algorithm::sha256, as_bytes(text)));
}

}  // namespace
}  // namespace kachery
