#include "hub/gateway/found_cache.h"

namespace kachery::hub {

std::optional<FoundCache::Records> FoundCache::find(const ZoneName& zone,
                                                    std::span<const Digest> digests) const {
  Records records;
  records.reserve(digests.size());
  for (const Digest& digest : digests) {
    const auto known = files_.find({zone, digest});
    if (known == files_.end()) return std::nullopt;
    records.emplace_back(known->second);
  }
  return records;
}

void FoundCache::put(std::uint64_t generation, const ZoneName& zone, const Records& found) {
  if (generation != generation_) return;
  if (files_.size() + found.size() > count_max_) files_.clear();
  for (const std::optional<FileRecord>& file : found)
    if (file) files_.insert_or_assign({zone, file->digest}, *file);
}

void FoundCache::clear() {
  ++generation_;
  files_.clear();
}

}  // namespace kachery::hub
