// Files: what a zone holds, and who stored it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "db/database.h"
#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// Blocking and thread-safe. What a call that changes something has returned is durable. A reader sees the
// files that have a grant which the reader holds, and no others.
class Files {
 public:
  explicit Files(Connection& connection) : connection_(connection) {}

  // In the order of `digests`; none where there is no file that the reader may have.
  Result<std::vector<std::optional<FileRecord>>> find(const ZoneName& zone, const Reader& reader,
                                                      std::span<const Digest> digests);
  // Which of these chunks are chunks (or manifest pages) of that file.
  Result<FoundChunks> chunks_of(const ZoneName& zone, const Reader& reader, const Digest& file,
                                std::span<const Digest> chunks);
  // A file comes once for each user who stored it, wherever to.
  Result<FilePage> list(const ZoneName& zone, const std::optional<UserName>& user,
                        const std::optional<std::string>& after, std::size_t count_max);
  // Takes the user's grants back, of the zone and of channels; all grants where there is no user. In the
  // order of `digests`.
  Result<std::vector<bool>> remove(const ZoneName& zone, std::span<const Digest> digests,
                                   const std::optional<UserName>& user);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
