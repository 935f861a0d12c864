#include "feed/tile.h"

#include <fmt/format.h>

#include <algorithm>

#include "feed/entry.h"

namespace kachery::feed {
namespace {

// 1234067 is "x001/x234/067".
std::string number_path(std::uint64_t number, TreeSize width) {
  std::string path = fmt::format("{:03}", number % 1000);
  for (std::uint64_t rest = number / 1000; rest > 0; rest /= 1000)
    path = fmt::format("x{:03}/{}", rest % 1000, path);
  if (width != kTileWidth) path += fmt::format(".p/{}", width);
  return path;
}

}  // namespace

TreeSize partial_width(unsigned level, TreeSize size) {
  const unsigned shift = level * kTileHeight;
  return shift >= 64 ? 0 : (size >> shift) % kTileWidth;
}

std::string tile_path(unsigned level, std::uint64_t number, TreeSize width) {
  return fmt::format("tile/{}/{}", level, number_path(number, width));
}

std::string bundle_path(std::uint64_t number, TreeSize width) {
  return "tile/entries/" + number_path(number, width);
}

void append_to_bundle(std::string& bundle, std::string_view entry) {
  KACHERY_ASSERT(entry.size() <= kEntryBytesMax);
  bundle += static_cast<char>(entry.size() >> 8);
  bundle += static_cast<char>(entry.size() & 0xFF);
  bundle += entry;
}

Result<std::vector<std::string_view>> split_bundle(std::string_view bundle) {
  std::vector<std::string_view> entries;
  while (!bundle.empty()) {
    const auto malformed = fail(Code::corrupt, "the entries of a bundle do not fill it");
    if (bundle.size() < 2) return malformed;
    const std::size_t size = (std::size_t{static_cast<unsigned char>(bundle[0])} << 8) |
                             std::size_t{static_cast<unsigned char>(bundle[1])};
    bundle.remove_prefix(2);
    if (size > bundle.size()) return malformed;
    entries.push_back(bundle.substr(0, size));
    bundle.remove_prefix(size);
  }
  return entries;
}

Result<std::vector<TreeHash>> split_tile(ByteView tile) {
  if (tile.empty() || tile.size() % sizeof(TreeHash) != 0 || tile.size() > kTileWidth * sizeof(TreeHash))
    return fail(Code::corrupt, fmt::format("no tile has {} bytes", tile.size()));
  std::vector<TreeHash> hashes(tile.size() / sizeof(TreeHash));
  std::ranges::copy(tile, std::as_writable_bytes(std::span(hashes)).begin());
  return hashes;
}

}  // namespace kachery::feed
