// The bytes of the bucket on their way: chunks in memory, pieces that are sent, and the counts of it.
#pragma once

#include <string>

#include "hub/gateway/shared.h"

namespace kachery::hub {

// What signed URLs call the administrator, where others are node IDs.
constexpr const char* kAdministratorActor = "administrator";

// Blocks. The whole of a chunk of up to `size_max` bytes. Code::not_found; Code::corrupt if it is longer.
Result<std::string> read_chunk(const Bucket& bucket, const ZoneName& zone, const Digest& sha256,
                               ByteCount size_max);

// Blocks. Reads an object again, because what was got of it was wrong. Code::corrupt if it is damaged,
// Code::not_found: either way it has to be sent again, and the catalog knows.
Result<> check_object(Services& services, const BucketObject& object);

// Says so if a chunk was found damaged, and replaced, when it was sent again.
void log_if_mended(const KeptChunk& kept, const ZoneName& zone);

// Work that gives nothing, on the pool. The loop outlives it.
template <class Work>
Task<> do_on_pool(Loop& loop, Work work) {
  auto wrapped = [&work] {
    work();
    return true;
  };
  static_cast<void>(co_await loop.offload(std::move(wrapped)));
}

// One download while it goes on: counted, so that all of them together are bounded, and put down to whoever
// gets it when it ends. Network thread only, but for piece_bytes().
class Download {
 public:
  Download(Shared& shared, ZoneName zone, std::optional<NodeId> node);
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;
  ~Download();

  // How much of it is to be in memory at once.
  std::size_t piece_bytes() const { return piece_bytes_; }
  // That so much was handed to the network.
  void add(std::uint64_t files, ByteCount bytes);

 private:
  Shared& shared_;
  ZoneName zone_;
  std::optional<NodeId> node_;
  std::size_t piece_bytes_;
  Transfer transfer_;
};

}  // namespace kachery::hub
