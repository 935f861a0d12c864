#include "feed/tree.h"

#include <algorithm>
#include <bit>

#include "crypto/hasher.h"

namespace kachery::feed {
namespace {

TreeHash hash_of(ByteView bytes) {
  TreeHash hash{};
  std::ranges::copy(Hasher::of(Algorithm::sha256, bytes).bytes(), hash.begin());
  return hash;
}

// Where RFC 6962 divides a tree of `count` > 1 entries: the largest power of two below it.
TreeSize split(TreeSize count) {
  return std::bit_floor(count - 1);
}

// The root over a range that the recursion of RFC 6962 comes to, so that its perfect parts are nodes.
Result<TreeHash> hash_range(const EntryRange& range, const ReadNode& read) {
  const TreeSize count = range.count();
  if (std::has_single_bit(count)) {
    const auto level = static_cast<unsigned>(std::countr_zero(count));
    return read(Node{level, range.begin >> level});
  }
  const TreeSize middle = range.begin + split(count);
  KACHERY_TRY(left, hash_range({range.begin, middle}, read));
  KACHERY_TRY(right, hash_range({middle, range.end}, read));
  return hash_node(left, right);
}

struct KnownLeaves {
  EntryRange range;
  std::span<const TreeHash> leaves;
};

Result<TreeHash> hash_with(const EntryRange& range, const KnownLeaves& known, const ReadNode& read) {
  if (!range.overlaps(known.range)) return hash_range(range, read);
  if (known.range.contains(range))
    return root_of(known.leaves.subspan(range.begin - known.range.begin, range.count()));
  const TreeSize middle = range.begin + split(range.count());
  KACHERY_TRY(left, hash_with({range.begin, middle}, known, read));
  KACHERY_TRY(right, hash_with({middle, range.end}, known, read));
  return hash_node(left, right);
}

// PATH of RFC 6962 section 2.1.1.
Result<> add_path(TreeSize index, const EntryRange& range, const ReadNode& read,
                  std::vector<TreeHash>& path) {
  if (range.count() == 1) return {};
  const TreeSize middle = range.begin + split(range.count());
  const EntryRange left{range.begin, middle};
  const EntryRange right{middle, range.end};
  const bool is_left = index < middle;
  KACHERY_TRY(add_path(index, is_left ? left : right, read, path));
  KACHERY_TRY(sibling, hash_range(is_left ? right : left, read));
  path.push_back(sibling);
  return {};
}

// SUBPROOF of RFC 6962 section 2.1.2. `known`: whoever checks has the hash of the whole range already.
Result<> add_subproof(TreeSize old_size, const EntryRange& range, bool known, const ReadNode& read,
                      std::vector<TreeHash>& proof) {
  if (old_size == range.end) {
    if (known) return {};
    KACHERY_TRY(whole, hash_range(range, read));
    proof.push_back(whole);
    return {};
  }
  const TreeSize middle = range.begin + split(range.count());
  const EntryRange left{range.begin, middle};
  const EntryRange right{middle, range.end};
  const bool is_left = old_size <= middle;
  KACHERY_TRY(add_subproof(old_size, is_left ? left : right, is_left && known, read, proof));
  KACHERY_TRY(sibling, hash_range(is_left ? right : left, read));
  proof.push_back(sibling);
  return {};
}

}  // namespace

TreeHash hash_leaf(ByteView entry) {
  constexpr std::array kPrefix{std::byte{0}};
  Hasher hasher(Algorithm::sha256);
  hasher.update(kPrefix);
  hasher.update(entry);
  TreeHash hash{};
  std::ranges::copy(hasher.finish().bytes(), hash.begin());
  return hash;
}

TreeHash hash_node(const TreeHash& left, const TreeHash& right) {
  std::array<std::byte, 1 + (2 * sizeof(TreeHash))> bytes{std::byte{1}};
  std::ranges::copy(left, bytes.begin() + 1);
  std::ranges::copy(right, bytes.begin() + 1 + sizeof(TreeHash));
  return hash_of(bytes);
}

TreeHash root_of(std::span<const TreeHash> leaves) {
  if (leaves.empty()) return hash_of({});
  if (leaves.size() == 1) return leaves.front();
  const TreeSize middle = split(leaves.size());
  return hash_node(root_of(leaves.first(middle)), root_of(leaves.subspan(middle)));
}

Result<Frontier> Frontier::parse(TreeSize size, ByteView hashes) {
  if (hashes.size() != static_cast<std::size_t>(std::popcount(size)) * sizeof(TreeHash))
    return fail(Code::corrupt, "a tree of " + std::to_string(size) + " entries has no frontier of " +
                                   std::to_string(hashes.size()) + " bytes");
  Frontier frontier;
  frontier.size_ = size;
  for (std::size_t i = 0; i < hashes.size(); i += sizeof(TreeHash)) {
    TreeHash hash{};
    std::ranges::copy(hashes.subspan(i, sizeof(TreeHash)), hash.begin());
    frontier.nodes_.push_back(hash);
  }
  return frontier;
}

void Frontier::push(const TreeHash& leaf) {
  KACHERY_ASSERT(size_ < kTreeSizeMax);
  TreeHash hash = leaf;
  // As in adding one to a binary number: two subtrees of one size become one of twice that.
  for (TreeSize carry = size_; (carry & 1) != 0; carry >>= 1) {
    hash = hash_node(nodes_.back(), hash);
    nodes_.pop_back();
  }
  nodes_.push_back(hash);
  ++size_;
}

TreeHash Frontier::root() const {
  if (nodes_.empty()) return root_of({});
  TreeHash hash = nodes_.back();
  for (std::size_t i = nodes_.size() - 1; i > 0; --i) hash = hash_node(nodes_[i - 1], hash);
  return hash;
}

bool Frontier::ends_with(const Frontier& end) const {
  return end.nodes_.size() <= nodes_.size() &&
         std::equal(end.nodes_.rbegin(), end.nodes_.rend(), nodes_.rbegin());
}

Result<TreeHash> root_with(TreeSize size, TreeSize first, std::span<const TreeHash> leaves,
                           const ReadNode& read) {
  const KnownLeaves known{{first, first + leaves.size()}, leaves};
  KACHERY_ASSERT(known.range.end <= size);
  if (size == 0) return root_of({});
  return hash_with({0, size}, known, read);
}

Result<std::vector<TreeHash>> prove_inclusion(TreeSize index, TreeSize size, const ReadNode& read) {
  KACHERY_ASSERT(index < size);
  std::vector<TreeHash> path;
  KACHERY_TRY(add_path(index, {0, size}, read, path));
  return path;
}

// RFC 9162 section 2.1.3.2, which is RFC 6962's trees.
bool verify_inclusion(TreeSize index, TreeSize size, const TreeHash& leaf, std::span<const TreeHash> proof,
                      const TreeHash& root) {
  if (index >= size) return false;
  TreeSize node = index;
  TreeSize last = size - 1;
  TreeHash hash = leaf;
  for (const TreeHash& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = hash_node(sibling, hash);
      // Where the tree has no right neighbour, the levels up to the next one that has are skipped.
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = hash_node(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

Result<std::vector<TreeHash>> prove_consistency(TreeSize old_size, TreeSize size, const ReadNode& read) {
  KACHERY_ASSERT(old_size > 0 && old_size <= size);
  std::vector<TreeHash> proof;
  KACHERY_TRY(add_subproof(old_size, {0, size}, true, read, proof));
  return proof;
}

// RFC 9162 section 2.1.4.2.
bool verify_consistency(TreeSize old_size, const TreeHash& old_root, TreeSize size, const TreeHash& root,
                        std::span<const TreeHash> proof) {
  if (old_size > size) return false;
  if (old_size == 0) return proof.empty() && old_root == root_of({});
  if (old_size == size) return proof.empty() && old_root == root;

  TreeSize node = old_size - 1;
  TreeSize last = size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  // A perfect old tree is a node of the new one, and its root where the proof begins.
  std::size_t next = 0;
  if (node != 0 && proof.empty()) return false;
  TreeHash old_hash = node == 0 ? old_root : proof[next++];
  TreeHash hash = old_hash;
  for (const TreeHash& sibling : proof.subspan(next)) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      old_hash = hash_node(sibling, old_hash);
      hash = hash_node(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = hash_node(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == old_root && hash == root;
}

}  // namespace kachery::feed
