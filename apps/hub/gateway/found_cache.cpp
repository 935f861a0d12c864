#include "hub/gateway/found_cache.h"

namespace kachery::hub {

const FileRecord* FoundCache::find_one(const ZoneName& zone, const Reader& reader,
                                       const Digest& digest) const {
  const auto by_grant = [&](const std::optional<ChannelName>& channel) -> const FileRecord* {
    const auto known = files_.find({zone, channel, digest});
    return known == files_.end() ? nullptr : &known->second;
  };
  if (reader.zone)
    if (const FileRecord* file = by_grant(std::nullopt)) return file;
  for (const ChannelName& channel : reader.channels)
    if (const FileRecord* file = by_grant(channel)) return file;
  return nullptr;
}

std::optional<FoundCache::Records> FoundCache::find(const ZoneName& zone, const Reader& reader,
                                                    std::span<const Digest> digests) const {
  Records records;
  records.reserve(digests.size());
  for (const Digest& digest : digests) {
    const FileRecord* known = find_one(zone, reader, digest);
    if (known == nullptr) return std::nullopt;
    records.emplace_back(*known);
  }
  return records;
}

void FoundCache::put(std::uint64_t generation, const ZoneName& zone, const Records& found) {
  if (generation != generation_) return;
  if (files_.size() + found.size() > count_max_) files_.clear();
  for (const std::optional<FileRecord>& file : found)
    if (file) files_.insert_or_assign({zone, file->channel, file->digest}, *file);
}

void FoundCache::clear() {
  ++generation_;
  files_.clear();
}

}  // namespace kachery::hub
