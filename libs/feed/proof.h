// Proofs that can be given to anybody, and be checked with no network and no store. docs/formats/feeds.md. No
// I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "feed/checkpoint.h"
#include "feed/entry.h"

namespace kachery::feed {

// That a subfeed has an entry: c2sp.org/tlog-proof, with the bytes of the entry as its extra data.
struct InclusionProof {
  std::string entry;
  TreeSize index = 0;
  std::vector<TreeHash> hashes = {};
  std::string checkpoint = {};  // A signed note.

  std::string str() const;
  static Result<InclusionProof> parse(std::string_view text);

  bool operator==(const InclusionProof&) const = default;
};

// That a subfeed begins with an older tree of it: in the form in which a witness is asked to sign a
// checkpoint, c2sp.org/tlog-witness.
struct ConsistencyProof {
  TreeSize old_size = 0;
  std::vector<TreeHash> hashes = {};
  std::string checkpoint = {};  // A signed note.

  std::string str() const;
  static Result<ConsistencyProof> parse(std::string_view text);

  bool operator==(const ConsistencyProof&) const = default;
};

// What a proof says, once it has been checked: by whom is for whoever asked to compare.
struct Proved {
  SubfeedId subfeed;
  Checkpoint checkpoint;
};
struct ProvedEntry {
  Proved of;
  Entry entry;
};

// Code::corrupt, with the reason, for whatever does not prove it.
Result<ProvedEntry> check(const InclusionProof& proof);
// `old_checkpoint` is a signed note of the same subfeed, whose tree the newer one has to begin with.
Result<Proved> check(const ConsistencyProof& proof, std::string_view old_checkpoint);

}  // namespace kachery::feed
