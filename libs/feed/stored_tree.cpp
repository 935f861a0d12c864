#include "feed/stored_tree.h"

#include <limits>

namespace kachery::feed {
namespace {

// Puts the root of a full tile into the tile above it, and that one's root further up, if it is full then.
Result<> add_to_tile_above(LogDatabase& log, SubfeedRow row, std::uint64_t number, const TreeHash& root,
                           const StoredTree& tree) {
  std::uint64_t index = number;
  TreeHash hash = root;
  for (unsigned level = 1;; ++level) {
    KACHERY_TRY(hashes, log.tile(row, level, index / kTileWidth));
    if (hashes.size() != index % kTileWidth)
      return tree.fail_damaged(index << (level * kTileHeight), "a tile of hashes");
    hashes.push_back(hash);
    KACHERY_TRY(log.set_tile(row, level, index / kTileWidth, std::as_bytes(std::span(hashes))));
    if (hashes.size() < kTileWidth) return {};
    hash = root_of(hashes);
    index /= kTileWidth;
  }
}

// The leaves of the last bundle, which is not full; Code::corrupt if they do not make the end of the
// frontier.
Result<std::vector<TreeHash>> last_leaves(StoredTree& tree, TreeSize size, const Frontier& frontier) {
  const TreeSize first = size - (size % kTileWidth);
  if (first == size) return std::vector<TreeHash>{};
  KACHERY_TRY(leaves, tree.tile(0, first / kTileWidth));
  Frontier end;
  for (const TreeHash& leaf : leaves) end.push(leaf);
  if (!frontier.ends_with(end)) return tree.fail_damaged(first, "an entry");
  return leaves;
}

}  // namespace

std::unexpected<Error> StoredTree::fail_damaged(TreeSize number, std::string_view what) const {
  std::string message = subfeed_.str() + ": logs.db is damaged: ";
  message += what;
  message += " is not what was signed, from message " + std::to_string(number) +
             " on; bring back logs.db from a copy that has everything";
  return fail(Code::corrupt, std::move(message));
}

Result<std::vector<std::string>> StoredTree::entries(const EntryRange& range, ByteCount bytes_max) {
  std::vector<std::string> entries;
  if (range.count() == 0) return entries;
  ByteCount bytes = 0;
  TreeSize next = range.begin;
  bool damaged = false;
  const auto use = [&](const Run& run) -> Result<bool> {
    const Result<std::vector<std::string_view>> split = split_bundle(run.entries);
    // The first run may begin before the range; the others follow each other.
    damaged = !split || run.first > next || run.first + split->size() <= next;
    if (damaged) return false;
    for (const std::string_view entry : std::span(*split).subspan(next - run.first)) {
      if (next == range.end || (bytes >= bytes_max && !entries.empty())) return false;
      entries.emplace_back(entry);
      bytes += entry.size();
      ++next;
    }
    return next < range.end;
  };
  KACHERY_TRY(log_.read_runs(row_, range.begin, use));
  const bool cut = bytes >= bytes_max && !entries.empty();
  if (damaged || (next < range.end && !cut)) return fail_damaged(next, "an entry");
  return entries;
}

Result<std::vector<TreeHash>> StoredTree::tile(unsigned level, std::uint64_t number) {
  const auto known = tiles_.find({level, number});
  if (known != tiles_.end()) return known->second;
  const TreeSize first = number * kTileWidth;
  const TreeSize count = std::min(kTileWidth, (size_ >> (level * kTileHeight)) - first);
  std::vector<TreeHash> hashes;
  if (level == 0 && count < kTileWidth) {
    KACHERY_TRY(last, entries({first, first + count}, std::numeric_limits<ByteCount>::max()));
    for (const std::string& entry : last) hashes.push_back(hash_leaf(as_bytes(entry)));
  } else {
    Result<std::vector<TreeHash>> stored = log_.tile(row_, level, number);
    if (!stored && stored.error().code != Code::corrupt) return stored;
    // In a tree that has grown since, a tile may have more.
    if (!stored || stored->size() < count)
      return fail_damaged(first << (level * kTileHeight), "a tile of hashes");
    hashes = *std::move(stored);
    hashes.resize(count);
  }
  return tiles_[{level, number}] = std::move(hashes);
}

Result<TreeHash> StoredTree::node(const Node& node) {
  const unsigned level = node.level / kTileHeight;
  const unsigned height = node.level % kTileHeight;
  const std::uint64_t first = node.index << height;
  KACHERY_TRY(hashes, tile(level, first / kTileWidth));
  const std::uint64_t offset = first % kTileWidth;
  const std::uint64_t count = std::uint64_t{1} << height;
  KACHERY_ASSERT(offset + count <= hashes.size());
  return root_of(std::span(hashes).subspan(offset, count));
}

Result<Extended> extend(LogDatabase& log, const SubfeedId& subfeed, const SubfeedState& state,
                        const std::vector<NewEntry>& entries) {
  StoredTree tree(log, subfeed, state.row, state.size);
  Result<Frontier> parsed = Frontier::parse(state.size, as_bytes(state.frontier));
  if (!parsed) return tree.fail_damaged(0, "the frontier");
  Frontier frontier = *std::move(parsed);
  // Only where this completes a bundle are the leaves needed that are there already.
  std::vector<TreeHash> leaves;
  if ((state.size % kTileWidth) + entries.size() >= kTileWidth) {
    KACHERY_TRY(before, last_leaves(tree, state.size, frontier));
    leaves = std::move(before);
  }

  Run run{state.size, ""};
  for (const NewEntry& entry : entries) {
    if (!entry.body.empty()) KACHERY_TRY(log.add_body(state.row, frontier.size(), entry.body));
    append_to_bundle(run.entries, entry.bytes);
    leaves.push_back(hash_leaf(as_bytes(entry.bytes)));
    frontier.push(leaves.back());
    if (frontier.size() % kTileWidth != 0) continue;
    KACHERY_TRY(log.add_run(state.row, run));
    run = {frontier.size(), ""};
    const std::uint64_t number = (frontier.size() / kTileWidth) - 1;
    KACHERY_ASSERT(leaves.size() == kTileWidth);
    KACHERY_TRY(log.set_tile(state.row, 0, number, std::as_bytes(std::span(leaves))));
    KACHERY_TRY(add_to_tile_above(log, state.row, number, root_of(leaves), tree));
    leaves.clear();
  }
  if (!run.entries.empty()) KACHERY_TRY(log.add_run(state.row, run));

  SubfeedState extended = state;
  extended.size = frontier.size();
  extended.frontier = as_text(frontier.bytes());
  return Extended{std::move(extended), std::move(frontier)};
}

}  // namespace kachery::feed
