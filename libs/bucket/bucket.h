// Bucket: the bytes of all zones, in a folder: chunks by their SHA-256, manifests. docs/formats/bucket.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chunk/manifest.h"
#include "core/names.h"
#include "crypto/hasher.h"
#include "os/directory.h"

namespace kachery {

// What a write into the bucket found its bytes to be.
struct KeptChunk {
  Digest sha256;
  Digest sha1;
  ByteCount size;
  bool existed;  // It was there already, whole.
};

class ChunkWriter;

// Objects are written once and never change. Thread-safe; calls block. `root` outlives it.
class Bucket {
 public:
  explicit Bucket(Directory& root);
  ~Bucket();

  // Removes what killed processes left. At start, before anything is written.
  Result<> clear_temporaries();

  // For one chunk that comes in parts. The writer must not outlive the bucket.
  Result<ChunkWriter> create(const ZoneName& zone);

  // Many small ones at once, durable together when it returns; in the order of `contents`.
  Result<std::vector<KeptChunk>> put_many(const ZoneName& zone, std::span<const ByteView> contents);

  // Code::not_found.
  Result<std::unique_ptr<File>> open_chunk(const ZoneName& zone, const Digest& sha256) const;
  Result<std::unique_ptr<File>> open_manifest(const ZoneName& zone, const Digest& file,
                                              const Digest& manifest) const;
  Result<bool> has_chunk(const ZoneName& zone, const Digest& sha256) const;

  // Durable when it returns. `manifest` is the SHA-256 of `text`.
  Result<> put_manifest(const ZoneName& zone, const Digest& file, const Digest& manifest,
                        std::string_view text);

  // Nothing happens where it is not there.
  Result<> remove_chunk(const ZoneName& zone, const Digest& sha256);
  Result<> remove_manifest(const ZoneName& zone, const Digest& file, const Digest& manifest);
  // All of a zone, for good.
  Result<> remove_zone(const ZoneName& zone);

  // The SHA-256 of every chunk of a zone, for looking for what nobody refers to: calls `visit` for each.
  Result<> each_chunk(const ZoneName& zone, const std::function<Result<>(const Digest&)>& visit) const;

 private:
  friend class ChunkWriter;
  struct State;
  std::unique_ptr<State> state_;
};

// Destroyed without commit() it leaves nothing.
class ChunkWriter {
 public:
  ChunkWriter(ChunkWriter&&) noexcept;
  ChunkWriter& operator=(ChunkWriter&&) noexcept;
  ~ChunkWriter();

  Result<> append(ByteView bytes);
  // Makes it a chunk, durably, if its SHA-256 is `expected`: Code::corrupt otherwise.
  Result<KeptChunk> commit(const Digest& expected);

 private:
  friend class Bucket;
  struct State;
  explicit ChunkWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kachery
