// StoredTree: the tree of one subfeed as logs.db has it; what it gives is true only if it makes the signed
// root.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "feed/log_database.h"

namespace kachery::feed {

// An entry of a subfeed, and the text of its message, for those who write logs.db.
struct NewEntry {
  std::string bytes;
  std::string body = {};  // The message that lies beside the entry; empty where it is in it.
};

// For one snapshot of the database, which outlives it; one thread at a time. Code::corrupt, naming the
// subfeed, where something that has to be there is not.
class StoredTree {
 public:
  StoredTree(LogDatabase& log, const SubfeedId& subfeed, SubfeedRow row, TreeSize size)
      : log_(log), subfeed_(subfeed), row_(row), size_(size) {}

  // The bytes of the entries of a range within the tree; from `bytes_max` bytes on no more, but always one.
  Result<std::vector<std::string>> entries(const EntryRange& range, ByteCount bytes_max);

  Result<TreeHash> node(const Node& node);

  // The hashes that the tree has of a tile.
  Result<std::vector<TreeHash>> tile(unsigned level, std::uint64_t number);

  // What is read of a damaged database: which subfeed, where, and what to do.
  std::unexpected<Error> fail_damaged(TreeSize number, std::string_view what) const;

 private:
  LogDatabase& log_;
  SubfeedId subfeed_;
  SubfeedRow row_;
  TreeSize size_;
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<TreeHash>> tiles_;  // Those that were asked for.
};

// Puts entries behind those of `state`, with their tiles: the caller commits, after it has put a checkpoint
// of the new frontier into what this gives. O(entries + log size). Code::corrupt if what is there does not
// fit its frontier.
struct Extended {
  SubfeedState state;
  Frontier frontier;
};
Result<Extended> extend(LogDatabase& log, const SubfeedId& subfeed, const SubfeedState& state,
                        const std::vector<NewEntry>& entries);

}  // namespace kachery::feed
