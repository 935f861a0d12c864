// Checkpoint: what the key of a feed signs about a subfeed, by c2sp.org/tlog-checkpoint. No I/O.
#pragma once

#include <string>
#include <string_view>

#include "core/feed_uri.h"
#include "feed/note.h"
#include "feed/subfeed.h"
#include "feed/tree.h"

namespace kachery::feed {

// A tree of a subfeed: how many entries it has, and its root. A value.
struct Checkpoint {
  TreeSize size = 0;
  TreeHash root{};

  bool operator==(const Checkpoint&) const = default;
};

// "kachery/feed/<feed ID>/<subfeed hash>": the origin line, and the name of the key, so that a signature is
// for one subfeed only.
std::string origin_of(const SubfeedId& subfeed);
NoteKey note_key_of(const SubfeedId& subfeed);
// The subfeed whose origin the text of a note, signed or not, begins with. Code::corrupt.
Result<SubfeedId> subfeed_of_note(std::string_view note);

// The signed note. `pair` is the feed's.
std::string sign_checkpoint(const SubfeedId& subfeed, const Checkpoint& checkpoint, const KeyPair& pair);
// What it says, if the feed's key signed it for this subfeed. Extension lines are refused. Code::corrupt.
Result<Checkpoint> open_checkpoint(std::string_view note, const SubfeedId& subfeed);

}  // namespace kachery::feed
