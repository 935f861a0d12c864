// FoundCache: files that were found before, so that what many ask for costs no SQL.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "hub/catalog/records.h"

namespace kachery::hub {

// Network thread only. One process serves a catalog, so only changes of this one matter: whoever makes one
// calls clear() when it has been made, before it is acknowledged.
class FoundCache {
 public:
  using Records = std::vector<std::optional<FileRecord>>;

  explicit FoundCache(std::size_t count_max) : count_max_(count_max) {}

  // In the order of `digests`; none unless all of them are known. What was not found is not remembered.
  std::optional<Records> find(const ZoneName& zone, std::span<const Digest> digests) const;

  // What the catalog was found to have since generation() gave this number. Nothing happens if it was
  // cleared meanwhile: what was read may be out of date.
  void put(std::uint64_t generation, const ZoneName& zone, const Records& found);
  std::uint64_t generation() const { return generation_; }
  void clear();

 private:
  std::size_t count_max_;
  std::uint64_t generation_ = 0;
  std::map<std::pair<ZoneName, Digest>, FileRecord> files_;
};

}  // namespace kachery::hub
