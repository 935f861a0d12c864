#include "feed/tile.h"

#include <gtest/gtest.h>

namespace kachery::feed {
namespace {

// The numbers are those of c2sp.org/tlog-tiles.
TEST(Tile, LiesWhereOtherProgramsLookForIt) {
  EXPECT_EQ(tile_path(0, 0, kTileWidth), "tile/0/000");
  EXPECT_EQ(tile_path(1, 999, 17), "tile/1/999.p/17");
  EXPECT_EQ(tile_path(0, 1000, kTileWidth), "tile/0/x001/000");
  EXPECT_EQ(tile_path(2, 1234067, kTileWidth), "tile/2/x001/x234/067");
  EXPECT_EQ(bundle_path(1234067, 1), "tile/entries/x001/x234/067.p/1");
}

TEST(Tile, TheLastOfALevelIsAsWideAsItsTreeSays) {
  EXPECT_EQ(partial_width(0, 70'000), 112U);
  EXPECT_EQ(partial_width(1, 70'000), 17U);
  EXPECT_EQ(partial_width(2, 70'000), 1U);
  EXPECT_EQ(partial_width(3, 70'000), 0U);
  EXPECT_EQ(partial_width(0, 256), 0U);
  EXPECT_EQ(partial_width(1, 256), 1U);
  EXPECT_EQ(partial_width(63, kTreeSizeMax), 0U);
}

TEST(Bundle, GivesItsEntriesBack) {
  const std::vector<std::string> entries{"", "a", std::string(255, 'b'), std::string(256, 'c'),
                                         std::string(65'535, 'd')};
  std::string bundle;
  for (const std::string& entry : entries) append_to_bundle(bundle, entry);
  const auto split = split_bundle(bundle);
  ASSERT_TRUE(split);
  EXPECT_EQ(std::vector<std::string>(split->begin(), split->end()), entries);
  EXPECT_FALSE(split_bundle(std::string_view(bundle).substr(0, bundle.size() - 1)));
  EXPECT_FALSE(split_bundle(bundle + "x"));
  EXPECT_EQ(bundle.substr(0, 5), std::string("\0\0\0\1a", 5));
}

TEST(Tile, IsHashesAndNothingElse) {
  const std::vector<std::byte> bytes(8193);
  EXPECT_EQ(split_tile(ByteView(bytes).first(8192))->size(), 256U);
  EXPECT_EQ(split_tile(ByteView(bytes).first(32))->size(), 1U);
  for (const std::size_t size : {0U, 31U, 33U, 8193U})
    EXPECT_FALSE(split_tile(ByteView(bytes).first(size))) << size;
}

}  // namespace
}  // namespace kachery::feed
