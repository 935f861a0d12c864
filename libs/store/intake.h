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
#include "store/known_hashes.h"
#include "store/links.h"
#include "store/pump.h"
#include "store/session_area.h"

namespace kachery {

// The refusal of other bytes with the same hash. `where` the first ones are: "stored", for instance.
std::unexpected<Error> fail_collision(const Digest& digest, std::string_view where);

// Content on its way in. Without a temporary it was found to be there already.
struct Staged {
  Digest digest;
  ByteCount size;
  std::optional<Temporary> temporary = {};
  Replace replace = Replace::no;
};

// Thread-safe. The parts outlive it.
class Intake {
 public:
  Intake(Directory& root, const KnownHashes& known, const Links& links, SessionArea& area)
      : root_(root), known_(known), links_(links), area_(area) {}

  // With Sync::each the staged bytes are on the disk when these return, with Sync::together `admit` sees to
  // it.
  Result<Staged> stage_bytes(ByteView bytes, const Digest& digest, Sync sync) const;
  Result<Staged> stage_stream(ByteSource& source, Algorithm algorithm, Sync sync, Progress& progress) const;
  // A temporary that was written completely, and its digest.
  Result<Staged> finish_large(Temporary temporary, const Pumped& pumped, Sync sync) const;
  Result<Staged> stage_user_file(const File& file, Algorithm algorithm, Sync sync, Progress& progress) const;

  // Makes the batch visible and durable. False if an object that was there when it was staged has been
  // deleted meanwhile: nothing is acknowledged then, and the batch is to be staged once more. Code::corrupt
  // for a collision.
  Result<bool> admit(std::span<Staged> batch, Sync sync, std::size_t threads) const;

  // Code::corrupt if other content is known by the digest of `content`.
  Result<> refuse_collision(const Digest& digest, const File& content) const;

  // Moves a damaged object out of the way, for people to look at.
  Result<> quarantine(const Digest& digest) const;

 private:
  // Whether the content that is to be stored equals that of a file.
  using Same = std::function<Result<bool>(const File&)>;

  Result<std::optional<Staged>> stage_known(const File& file, const FileStamp& stamp, Algorithm algorithm,
                                            Progress& progress) const;
  Result<Staged> stage_small_file(const File& file, Algorithm algorithm, Sync sync, Progress& progress) const;
  Result<Staged> stage_large_file(const File& file, Algorithm algorithm, Sync sync, Progress& progress) const;
  Result<bool> object_is_there(const Digest& digest, const Same& same) const;
  Result<> links_agree(const Digest& digest, const Same& same) const;
  Result<bool> keep_alive(const std::string& path) const;
  Result<bool> settle(Staged& staged) const;
  Result<bool> confirm(std::span<const std::string> existing, Sync sync) const;

  Directory& root_;
  const KnownHashes& known_;
  const Links& links_;
  SessionArea& area_;
};

}  // namespace kachery
