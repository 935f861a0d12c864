// ChunkUpload: one file that goes to a zone chunk by chunk. docs/protocol/uploads.md.
#pragma once

#include <string>
#include <vector>

#include "client/upload.h"

namespace kachery {

// For one thread; everything that it is made of outlives it.
class ChunkUpload {
 public:
  // `outgoing` has its chunks, and its bytes are in `file`.
  ChunkUpload(const Zone& zone, const Outgoing& outgoing, const File& file, std::size_t connections,
              Progress& progress);

  // Begins the upload, sends what is missing, commits.
  Result<> run();

  // Of the upload, once it has begun and is not committed; empty otherwise.
  const std::string& id() const { return id_; }

 private:
  // A part of what is sent: a page of the manifest, or a chunk of the file.
  struct Part {
    wire::Chunk chunk;
    const std::string* page;  // Null: it lies in the file,
    ByteCount offset;         // here.
  };
  using Orders = std::vector<std::optional<wire::PutOrder>>;

  std::vector<wire::Chunk> chunks_of(std::span<const Part> parts) const;
  Result<> send(std::span<const Part> parts, Orders orders);
  Result<> send_one(const Part& part, std::optional<wire::PutOrder> order);
  Result<Orders> order(std::span<const Part> parts);
  Result<> commit();

  const Zone& zone_;
  const Outgoing& outgoing_;
  const File& file_;
  std::size_t connections_;
  Progress& progress_;

  std::optional<std::string> manifest_;  // The text of its root, of a file of more than one chunk.
  std::vector<std::string> pages_;
  std::vector<Part> parts_;
  std::string id_;
};

}  // namespace kachery
