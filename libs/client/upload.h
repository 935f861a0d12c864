// Uploader: files of this machine become files of a zone. docs/protocol/uploads.md.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "chunk/manifest.h"
#include "client/zone.h"
#include "os/file.h"

namespace kachery {

// A file that is to be sent: where its bytes are, and what they must be.
struct Outgoing {
  std::filesystem::path path;
  Digest digest;
  ByteCount size;
  // Of a file that is larger than wire::kSmallFileBytes; empty: to be found out when it is sent.
  std::vector<ChunkEntry> chunks = {};
};

// Reads a file once for all its hashes. Code::cancelled.
Result<Outgoing> survey(const std::filesystem::path& path, Algorithm algorithm, const Progress& progress);

// Thread-safe; blocks. What is sent is hashed again, by us or by who receives it, so a file that changes
// meanwhile is refused (Code::corrupt), and never lies under the wrong name. The hub must have a key to sign
// with. Takes up to 64 MiB of memory, whatever the sizes.
class Uploader {
 public:
  explicit Uploader(const Zone& zone) : zone_(zone) {}

  // What the zone has already is not sent again, if this node may know of it. A file that cannot be sent does
  // not keep the others from it: the error tells of the first one. An interrupted upload goes on where it
  // was.
  Result<> upload(std::span<const Outgoing> files, Progress& progress) const;

 private:
  using Files = std::vector<const Outgoing*>;

  Result<> claim_present(Files& files, Progress& progress) const;
  Result<> send_small(std::span<const Outgoing* const> files, Failures& failures, Progress& progress) const;
  Result<> send_large(const Outgoing& file, std::size_t connections, Progress& progress) const;
  Result<> abandon(std::vector<std::string> ids, const Progress& progress) const;

  Zone zone_;
};

}  // namespace kachery
