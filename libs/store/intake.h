// Intake: how content becomes an object: staged in a temporary, or found to be there, then admitted as a
// batch.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/digest.h"
#include "core/progress.h"
#include "os/directory.h"
#include "os/publish.h"
#include "store/gate.h"
#include "store/known_hashes.h"
#include "store/links.h"
#include "store/object_notes.h"
#include "store/pump.h"
#include "store/session_area.h"

namespace kachery {

// The refusal of other bytes with the same hash. `where` the first ones are: "stored", for instance.
std::unexpected<Error> fail_collision(const Digest& digest, std::string_view where);

// How content is to be kept.
struct Keeping {
  Sync sync = Sync::each;
  Origin origin = Origin::own;
};

// Content on its way in. Without a temporary it was found to be there already.
struct Staged {
  Digest digest;
  ByteCount size;
  std::optional<Temporary> temporary = {};
  Replace replace = Replace::no;
};

// What takes part in it. All of it outlives the intake; `notes` may be null.
struct IntakeParts {
  Directory& root;
  const KnownHashes& known;
  const Links& links;
  SessionArea& area;
  const Gate& gate;
  ObjectNotes* notes;
};

// Thread-safe.
class Intake {
 public:
  explicit Intake(const IntakeParts& parts)
      : root_(parts.root),
        known_(parts.known),
        links_(parts.links),
        area_(parts.area),
        gate_(parts.gate),
        notes_(parts.notes) {}

  // With Sync::each the staged bytes are on the disk when these return, with Sync::together `admit` sees to
  // it.
  Result<Staged> stage_bytes(ByteView bytes, const Digest& digest, Keeping keeping) const;
  Result<Staged> stage_stream(ByteSource& source, Algorithm algorithm, Keeping keeping,
                              Progress& progress) const;
  // A temporary that was written completely, and its digest.
  Result<Staged> finish_large(Temporary temporary, const Pumped& pumped, Keeping keeping) const;
  Result<Staged> stage_user_file(const File& file, Algorithm algorithm, Keeping keeping,
                                 Progress& progress) const;

  // Makes the batch visible and durable, while nothing is deleted. False if an object that was there when it
  // was staged has been deleted meanwhile: nothing is acknowledged then, and the batch is to be staged once
  // more. Code::corrupt for a collision.
  Result<bool> admit(std::span<Staged> batch, Keeping keeping, std::size_t threads) const;

  // Code::corrupt if other content is known by the digest of `content`.
  Result<> refuse_collision(const Digest& digest, const File& content) const;

  // Moves a damaged object out of the way, for people to look at; not so if another file has taken its place
  // since it was `seen` (null where it was no file at all).
  Result<> quarantine(const Digest& digest, const FileStamp* seen) const;

 private:
  // Whether the content that is to be stored equals that of a file.
  using Same = std::function<Result<bool>(const File&)>;

  Result<std::optional<Staged>> stage_known(const File& file, const FileStamp& stamp, Algorithm algorithm,
                                            Keeping keeping, Progress& progress) const;
  Result<Staged> stage_small_file(const File& file, Algorithm algorithm, Keeping keeping,
                                  Progress& progress) const;
  Result<Staged> stage_large_file(const File& file, Algorithm algorithm, Keeping keeping,
                                  Progress& progress) const;
  Result<bool> object_is_there(const Digest& digest, const Same& same) const;
  Result<> links_agree(const Digest& digest, const Same& same) const;
  void remember_fetched(std::span<Staged* const> batch) const;
  Result<> claim(const Digest& digest, const FileStamp& stamp) const;
  enum class Kept {
    yes,
    gone,      // Deleted a moment ago.
    not_ours,  // Another user's, so that we may not; a copy of our own is to take its place.
  };
  Result<Kept> keep_alive(const Digest& digest, Origin origin) const;
  Result<bool> settle(Staged& staged, Origin origin) const;
  Result<bool> confirm(std::span<const std::string> existing, Sync sync) const;

  Directory& root_;
  const KnownHashes& known_;
  const Links& links_;
  SessionArea& area_;
  const Gate& gate_;
  ObjectNotes* notes_;
};

}  // namespace kachery
