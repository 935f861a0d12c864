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

// Blocking and thread-safe. What a call that changes something has returned is durable. Readers see every
// file that has the grant "zone"; files with other grants only come with channels.
class Files {
 public:
  explicit Files(Connection& connection) : connection_(connection) {}

  // In the order of `digests`; none where there is no file with a grant that the reader holds.
  Result<std::vector<std::optional<FileRecord>>> find(const ZoneName& zone, std::span<const Digest> digests);
  // Which of these chunks are chunks (or manifest pages) of that file, as a reader of it may have them.
  Result<std::vector<bool>> chunks_of(const ZoneName& zone, const Digest& file,
                                      std::span<const Digest> chunks);
  Result<FilePage> list(const ZoneName& zone, const std::optional<UserName>& user,
                        const std::optional<std::string>& after, std::size_t count_max);
  // Takes the user's grants back; all grants where there is no user. In the order of `digests`.
  Result<std::vector<bool>> remove(const ZoneName& zone, std::span<const Digest> digests,
                                   const std::optional<UserName>& user);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
