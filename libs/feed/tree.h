// The Merkle tree of a log, by RFC 6962 section 2.1 (SHA-256): its root, and proofs about it. No I/O.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery::feed {

using TreeHash = std::array<std::byte, 32>;
using TreeSize = std::uint64_t;  // How many entries a tree has; up to 2^53-1, so that JSON can say it.

constexpr TreeSize kTreeSizeMax = (TreeSize{1} << 53) - 1;

TreeHash hash_leaf(ByteView entry);
TreeHash hash_node(const TreeHash& left, const TreeHash& right);

// Of a tree of these leaves.
TreeHash root_of(std::span<const TreeHash> leaves);

// Entries [begin, end).
struct EntryRange {
  TreeSize begin = 0;
  TreeSize end = 0;

  TreeSize count() const { return end - begin; }
  bool contains(const EntryRange& other) const { return begin <= other.begin && other.end <= end; }
  bool overlaps(const EntryRange& other) const { return begin < other.end && other.begin < end; }
};

// The root of a perfect subtree: of the entries [index << level, (index + 1) << level).
struct Node {
  unsigned level = 0;
  std::uint64_t index = 0;
};

// Gives the hash of a node all of whose entries are in the log. What it gives need not be true: each use says
// what that would lead to.
using ReadNode = std::function<Result<TreeHash>(const Node&)>;

// What is left of a tree when only its end can grow: the roots of the perfect subtrees that it consists of,
// the largest first. Adding an entry costs O(1), the root O(log n). A value.
class Frontier {
 public:
  Frontier() = default;
  // Of a tree with `size` entries. Code::corrupt if that needs another number of hashes.
  static Result<Frontier> parse(TreeSize size, ByteView hashes);

  TreeSize size() const { return size_; }
  void push(const TreeHash& leaf);
  // Of a tree without entries: SHA-256 of nothing.
  TreeHash root() const;
  // Whether the last subtrees are those of `end`, whose first entry is one that a subtree here begins with.
  bool ends_with(const Frontier& end) const;
  // The hashes, one behind the other.
  ByteView bytes() const { return std::as_bytes(std::span(nodes_)); }

 private:
  TreeSize size_ = 0;
  std::vector<TreeHash> nodes_;
};

// The root of a tree with `size` entries, of which those from `first` on have these leaves. The rest is read:
// if what is read is not true, the root is not that of the log. So the leaves are those of the log if the
// root is, and this takes O(leaves + log size).
Result<TreeHash> root_with(TreeSize size, TreeSize first, std::span<const TreeHash> leaves,
                           const ReadNode& read);

// A proof that a tree with `size` entries has its entry `index` (RFC 6962 section 2.1.1). index < size. True
// if what was read is.
Result<std::vector<TreeHash>> prove_inclusion(TreeSize index, TreeSize size, const ReadNode& read);
bool verify_inclusion(TreeSize index, TreeSize size, const TreeHash& leaf, std::span<const TreeHash> proof,
                      const TreeHash& root);

// A proof that a tree with `size` entries begins with the `old_size` of an older one (RFC 6962
// section 2.1.2). 0 < old_size <= size.
Result<std::vector<TreeHash>> prove_consistency(TreeSize old_size, TreeSize size, const ReadNode& read);
// Every tree begins with an empty one, whose root needs no proof.
bool verify_consistency(TreeSize old_size, const TreeHash& old_root, TreeSize size, const TreeHash& root,
                        std::span<const TreeHash> proof);

}  // namespace kachery::feed
