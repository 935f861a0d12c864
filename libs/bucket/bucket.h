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
  bool existed;         // It was there already, whole; also where the same bytes come twice in one batch.
  bool mended = false;  // What was there under its name was damaged, and has been replaced.
};

// Bytes in memory, which outlive it, and what they hash to: there is no other way to make one.
class HashedBytes {
 public:
  explicit HashedBytes(ByteView bytes)
      : bytes_(bytes),
        sha256_(Hasher::of(Algorithm::sha256, bytes)),
        sha1_(Hasher::of(Algorithm::sha1, bytes)) {}

  ByteView bytes() const { return bytes_; }
  const Digest& sha256() const { return sha256_; }
  const Digest& sha1() const { return sha1_; }
  bool has(const Digest& digest) const {
    return digest == (digest.algorithm() == Algorithm::sha1 ? sha1_ : sha256_);
  }

 private:
  ByteView bytes_;
  Digest sha256_;
  Digest sha1_;
};

constexpr std::size_t kPutManyMax = 4'096;

class ChunkWriter;

// Objects are written once and never change; what is at a name is whole, and stays after a power cut once it
// was acknowledged. Code::exhausted if the disk is full; then nothing is kept. Thread-safe; calls block.
// `root` outlives it.
class Bucket {
 public:
  explicit Bucket(Directory& root);
  ~Bucket();

  // Removes what killed processes left. At start, before anything is written.
  Result<> clear_temporaries();

  // For one chunk of `size` bytes, that come in parts; the room for them is taken now. The writer must not
  // outlive the bucket.
  Result<ChunkWriter> create(const ZoneName& zone, ByteCount size);

  // Many small ones at once, up to kPutManyMax, durable together when it returns; in the order of `contents`.
  Result<std::vector<KeptChunk>> put_many(const ZoneName& zone, std::span<const HashedBytes> contents);

  // Code::not_found.
  Result<std::unique_ptr<File>> open_chunk(const ZoneName& zone, const Digest& sha256) const;
  Result<std::unique_ptr<File>> open_manifest(const ZoneName& zone, const Digest& file,
                                              const Digest& manifest) const;
  Result<bool> has_chunk(const ZoneName& zone, const Digest& sha256) const;

  // Reads a chunk again. A damaged one is put aside, into the zone's quarantine/, so that it is not there any
  // more and can be sent again: Code::corrupt. Code::not_found.
  Result<> check_chunk(const ZoneName& zone, const Digest& sha256);
  Result<> check_manifest(const ZoneName& zone, const Digest& file, const Digest& manifest);

  // Durable when it returns. Code::corrupt unless `manifest` is the SHA-256 of `text`.
  Result<> put_manifest(const ZoneName& zone, const Digest& file, const Digest& manifest,
                        std::string_view text);

  // Nothing happens where it is not there. What was removed may be back after a power cut.
  Result<> remove_chunk(const ZoneName& zone, const Digest& sha256);
  Result<> remove_manifest(const ZoneName& zone, const Digest& file, const Digest& manifest);
  // All of a zone, for good: durably gone when it returns. Fails if somebody writes to it meanwhile.
  Result<> remove_zone(const ZoneName& zone);

  // The SHA-256 of every chunk of a zone, for looking for what nobody refers to: calls `visit` for each.
  Result<> each_chunk(const ZoneName& zone, const std::function<Result<>(const Digest&)>& visit) const;
  // Likewise every manifest: of which file, and its SHA-256.
  Result<> each_manifest(const ZoneName& zone,
                         const std::function<Result<>(const Digest&, const Digest&)>& visit) const;

 private:
  friend class ChunkWriter;
  struct State;
  std::unique_ptr<State> state_;
};

// One thread at a time. Destroyed without commit() it leaves nothing.
class ChunkWriter {
 public:
  ChunkWriter(ChunkWriter&&) noexcept;
  ChunkWriter& operator=(ChunkWriter&&) noexcept;
  ~ChunkWriter();

  // Large pieces (a MiB or so) are hashed and written by two threads.
  Result<> append(ByteView bytes);
  // The last call. Makes it a chunk, durably, if its SHA-256 is `expected`: Code::corrupt otherwise.
  Result<KeptChunk> commit(const Digest& expected);

 private:
  friend class Bucket;
  struct State;
  explicit ChunkWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kachery
