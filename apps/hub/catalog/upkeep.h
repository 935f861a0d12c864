// Upkeep: what is checked and tidied behind everybody's back.
#pragma once

#include <span>
#include <vector>

#include "db/database.h"
#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// Blocking and thread-safe. What a call that changes something has returned is durable.
class Upkeep {
 public:
  explicit Upkeep(Connection& connection) : connection_(connection) {}

  // Claims whose file's full hash nobody has checked yet, oldest first, those behind number `after`; not
  // those of which a chunk is lost.
  Result<std::vector<ClaimRecord>> unchecked(std::size_t count_max, std::int64_t after = 0);
  // The chunks of a claim, in order, without the pages.
  Result<std::vector<ChunkEntry>> claim_chunks(const ClaimRecord& claim);
  // Whether it was right. A false claim goes away, and the file with it if it was the only one.
  Result<> settle(const ClaimRecord& claim, bool right);
  // Ends up to `count_max` uploads whose hour is over, the oldest first: what they reserved is given back,
  // and their chunks are garbage unless something else refers to them. Forgets invitations and pending nodes,
  // too. How many uploads.
  Result<std::size_t> expire_uploads(std::int64_t now_ms, std::size_t count_max = 10'000);

  // Deleting takes three steps, and nobody can lose a chunk in between:
  // 1. collect() marks chunks and manifests that nothing refers to, no file and no lease, as doomed. From
  // here
  //    on, whoever needs one of them is refused with Code::unavailable: nothing is sent or counted as being
  //    there while its bytes are about to go.
  // 2. The caller deletes their bytes in the bucket.
  // 3. collected() forgets them: whoever uploads such a chunk now sends it anew.
  // If the caller dies in between, the next collect() gives the same out again. So there is one caller at a
  // time, in all processes: the one that serves the hub's directory.
  Result<Garbage> collect(std::size_t count_max);
  Result<> collected(const Garbage& garbage);
  // These chunks lie in the bucket. Those that the catalog does not know, which a crash has left, become
  // garbage. How many.
  Result<std::size_t> note_found(const ZoneName& zone, std::span<const Digest> chunks);
  // Likewise these manifests: of which file, and the SHA-256.
  Result<std::size_t> note_found(const ZoneName& zone, std::span<const std::pair<Digest, Digest>> manifests);
  // This chunk, or manifest of `file`, does not lie in the bucket any more: whoever stores one of its files
  // again sends it.
  Result<> note_lost(const ZoneName& zone, const Digest& sha256, const std::optional<Digest>& file);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
