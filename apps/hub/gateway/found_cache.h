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

  // In the order of `digests`, what that reader may have; none unless all of them are known. What was not
  // found is not remembered.
  std::optional<Records> find(const ZoneName& zone, const Reader& reader,
                              std::span<const Digest> digests) const;

  // What some reader was found to have since generation() gave this number: each file is remembered for those
  // who hold the grant by which it was found. Nothing happens if it was
  // cleared meanwhile: what was read may be out of date.
  void put(std::uint64_t generation, const ZoneName& zone, const Records& found);
  std::uint64_t generation() const { return generation_; }
  void clear();

 private:
  struct Key {
    ZoneName zone;
    std::optional<ChannelName> channel;  // By whose grant; none: the zone's.
    Digest digest;
    auto operator<=>(const Key&) const = default;
  };
  const FileRecord* find_one(const ZoneName& zone, const Reader& reader, const Digest& digest) const;

  std::size_t count_max_;
  std::uint64_t generation_ = 0;
  std::map<Key, FileRecord> files_;
};

}  // namespace kachery::hub
