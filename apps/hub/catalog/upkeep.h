// Upkeep: what is checked and tidied behind everybody's back.
#pragma once

#include <vector>

#include "db/database.h"
#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// Blocking and thread-safe. What a call that changes something has returned is durable.
class Upkeep {
 public:
  explicit Upkeep(Connection& connection) : connection_(connection) {}

  // Claims whose file's full hash nobody has checked yet, oldest first.
  Result<std::vector<ClaimRecord>> unchecked(std::size_t count_max);
  // The chunks of a claim, in order, without the pages.
  Result<std::vector<ChunkEntry>> claim_chunks(const ClaimRecord& claim);
  // Whether it was right. A false claim goes away, and the file with it if it was the only one.
  Result<> settle(const ClaimRecord& claim, bool right);
  // Gives back what uploads that have expired reserved.
  Result<std::size_t> expire_uploads(std::int64_t now_ms);
  // Chunks and manifests that nothing refers to, and no lease covers, taken out of the catalog: the caller
  // deletes them in the bucket. A chunk that is uploaded again later is a new one.
  Result<Garbage> collect(std::size_t count_max, std::int64_t now_ms);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
