// Arrivals: which chunks of the files that are asked for have come, before their uploads are committed.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chunk/manifest.h"
#include "core/names.h"
#include "core/node_id.h"

namespace kachery::hub {

class Order;

// One upload. Network thread only.
class ArrivingUpload {
 public:
  struct Chunk {
    std::uint64_t number;  // Its place among those that were announced.
    ChunkEntry entry;
  };

  ArrivingUpload(std::string id, const Digest& manifest) : id_(std::move(id)), manifest_(manifest) {}

  const std::string& id() const { return id_; }
  // That is going to be committed.
  const Digest& manifest() const { return manifest_; }
  // In the order in which they came. It only grows.
  std::span<const Chunk> come() const { return come_; }

 private:
  friend class Arrivals;
  struct Announced {
    std::uint64_t number;
    ByteCount size;
    bool has_come;
  };

  std::string id_;
  Digest manifest_;
  std::uint64_t next_number_ = 0;
  std::map<Digest, Announced> announced_ = {};
  std::vector<Chunk> come_ = {};
};

// Who sends what where, with what it is going to be.
struct BegunFile {
  ZoneName zone;
  std::optional<ChannelName> channel;  // None: to the zone.
  NodeId node;
  Digest digest;
  std::string upload;
  Digest manifest;
};

// Network thread only. What is told of an upload that nobody asked for costs a look into a map.
class Arrivals {
 public:
  // So many chunks are remembered, of all uploads together; what is more is fetched once it is committed.
  explicit Arrivals(std::size_t chunks_max) : chunks_max_(chunks_max) {}

  // The order hears of what its provider sends, until it is forgotten; it lives as long.
  void expect(Order& order);
  void forget(Order& order);

  // --- Of uploads. `here` says which chunks need not be sent.

  // Begun, also once more.
  void begun(const BegunFile& file, std::span<const ChunkEntry> chunks, const std::vector<bool>& here);
  void announced(const std::string& upload, std::span<const ChunkEntry> chunks,
                 const std::vector<bool>& here);
  // It lies in the bucket, and the catalog knows that this upload sent it.
  void sent(const std::string& upload, const Digest& chunk);

 private:
  void announce(Order& order, std::span<const ChunkEntry> chunks, const std::vector<bool>& here);
  void remove_upload(Order& order);

  std::size_t chunks_max_;
  std::size_t chunks_ = 0;
  std::multimap<std::pair<ZoneName, Digest>, Order*> expected_;
  std::multimap<std::string, Order*> begun_;  // By the upload's ID.
};

}  // namespace kachery::hub
