// Tiles and entry bundles: the static files that a log consists of, by c2sp.org/tlog-tiles. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "feed/tree.h"

namespace kachery::feed {

// A tile has the hashes of so many nodes side by side, a bundle so many entries.
constexpr TreeSize kTileWidth = 256;
constexpr unsigned kTileHeight = 8;

// How many hashes the last tile of a level has, in a tree of this size; 0: the last one is full, or there is
// none.
TreeSize partial_width(unsigned level, TreeSize size);

// "tile/0/x001/234", and "tile/0/x001/234.p/17" for one of 17 hashes; "tile/entries/..." for bundles.
std::string tile_path(unsigned level, std::uint64_t number, TreeSize width);
std::string bundle_path(std::uint64_t number, TreeSize width);

// Puts an entry behind those of a bundle: its size, 16 bits big-endian, then its bytes.
void append_to_bundle(std::string& bundle, std::string_view entry);
// Views of the entries. Code::corrupt if the sizes do not fit.
Result<std::vector<std::string_view>> split_bundle(std::string_view bundle);

// The hashes of a tile. Code::corrupt if it has none, or more than fit into one.
Result<std::vector<TreeHash>> split_tile(ByteView tile);

}  // namespace kachery::feed
