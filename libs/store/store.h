// Store: bytes on this disk by digest, and links to files of the user's.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/progress.h"
#include "crypto/hasher.h"
#include "os/clock.h"
#include "os/directory.h"
#include "store/housekeeping.h"
#include "store/intake.h"
#include "store/known_hashes.h"
#include "store/links.h"
#include "store/session_area.h"

namespace kachery {

struct Stored {
  Digest digest;
  ByteCount size;
};

// Content that was found, and whose hash was checked.
struct Found {
  std::unique_ptr<File> file;
  std::filesystem::path path;  // Absolute. A link's is the user's own file.
  bool linked;
};

// Bytes in memory, which outlive it, whose hash was found to be the digest: there is no other way to make
// one.
class VerifiedContent {
 public:
  // Code::corrupt if the bytes have another hash.
  static Result<VerifiedContent> check(const Digest& digest, ByteView bytes);

  const Digest& digest() const { return digest_; }
  ByteView bytes() const { return bytes_; }

 private:
  VerifiedContent(const Digest& digest, ByteView bytes) : digest_(digest), bytes_(bytes) {}

  Digest digest_;
  ByteView bytes_;
};

struct Finding {
  Digest digest;
  std::string what;
};

struct ScrubReport {
  std::uint64_t objects = 0;
  std::uint64_t links = 0;
  ByteCount bytes = 0;
  std::vector<Finding> damaged;      // Objects, now in quarantine.
  std::vector<Finding> repaired;     // Likewise, but copied anew from a linked file that has the content.
  std::vector<Finding> stale_links;  // Files of the user's that changed or went away.
  std::vector<Finding> missing;      // Asked for, and neither object nor link.
};

struct StoreParts {
  Directory& root;
  HashCache* cache;    // May be null.
  ObjectNotes* notes;  // May be null.
  const Clock& clock;
  std::size_t threads;  // For batches.
};

class Partial;
class StoreWriter;

// Objects are written once and never change, so any number of threads and processes may use one directory
// without locks. What a call has returned is durable. Every part outlives the store. Calls block on the disk.
class Store {
 public:
  explicit Store(const StoreParts& parts);

  // Keeps everything in `source`. The same content twice is one object. Code::corrupt if another content has
  // the same digest already (a collision): the first stays, the second is refused. Code::exhausted if the
  // disk is full.
  Result<Stored> put(ByteSource& source, Algorithm algorithm, Progress& progress,
                     Origin origin = Origin::own);

  // Keeps files, as one batch: durable together, all or an error. A path may name a pipe. In the order of
  // `paths`.
  Result<std::vector<Stored>> put_files(std::span<const std::filesystem::path> paths, Algorithm algorithm,
                                        Progress& progress, Origin origin = Origin::own);

  // Keeps contents that are in memory, as one batch.
  Result<> put_contents(std::span<const VerifiedContent> contents, Origin origin, const Progress& progress);

  // Makes an object, marked as fetched, of what was fetched, and whose hash the caller has checked. The
  // partial is gone then.
  Result<> adopt(std::unique_ptr<Partial> partial, const Stored& stored);

  // For content that comes in parts. The writer must not outlive the store.
  StoreWriter create(Algorithm algorithm);

  // Notes where files are, without a copy. They are hashed, unless they are known and unchanged. As one
  // batch.
  Result<std::vector<Stored>> link_files(std::span<const std::filesystem::path> paths, Algorithm algorithm,
                                         Progress& progress);

  // The object, or a linked file that still has the content. Code::not_found says where it looked and what it
  // saw; Code::corrupt means that the object is damaged and no link helps.
  Result<Found> open(const Digest& digest, Progress& progress);

  // The size of the object, or of the linked file, that open() would begin with; no content is read.
  // Code::not_found; Code::corrupt if there are records of linked files only, which have changed or gone.
  Result<ByteCount> look_for(const Digest& digest) const;

  // Fills memory with the content and hashes exactly that memory. `allocate` is called with the size and
  // gives the space, or less if there is no memory; it may be called again if a damaged object is followed by
  // a good link.
  using Allocate = std::function<std::span<std::byte>(ByteCount)>;
  Result<> read(const Digest& digest, const Allocate& allocate, Progress& progress);

  // Whether a file of the user's has the content: hashed, unless it is known.
  Result<bool> holds(const File& file, const Digest& digest, Progress& progress) const {
    return known_.holds(file, digest, progress);
  }

  // Reads every object, or only those named, and says which are not what their name says; these are moved to
  // quarantine/, and made again from a linked file where one has the content. Links are re-hashed too; a
  // changed file of the user's is reported, its record stays.
  Result<ScrubReport> scrub(std::span<const Digest> only, Progress& progress);

  // gen1's manifest of a file, as far as it is remembered.
  std::optional<Digest> manifest_of(const Digest& sha1) const;
  void remember_manifest(const Digest& sha1, const Digest& manifest);

  Housekeeping& housekeeping() { return housekeeping_; }
  Directory& root() { return root_; }

 private:
  friend class StoreWriter;

  Result<Stored> put_bytes(ByteView bytes, const Digest& digest, Origin origin);
  Result<Stored> put_staged(Staged staged, Origin origin);
  Result<std::vector<Staged>> stage_files(std::span<const std::filesystem::path> paths, Algorithm algorithm,
                                          Keeping keeping, Progress& progress);
  Result<std::optional<std::filesystem::path>> repair(const Digest& digest, Progress& progress);
  // The user's file and its digest, checked against what is known by that digest.
  struct Linked;
  Result<Linked> link_one(const std::filesystem::path& path, Algorithm algorithm, Progress& progress);
  static Result<> refuse_collisions_among(std::span<const std::optional<Linked>> batch);

  // Whether the file, which a link names unless that is null, has the content.
  using Accept = std::function<Result<bool>(const File&, const OpenLink*)>;
  // The object, else a linked file: the first that is accepted.
  Result<Found> find(const Digest& digest, const Accept& accept);
  std::unexpected<Error> fail_missing(const Digest& digest, const std::vector<std::string>& misses,
                                      bool damaged) const;

  Directory& root_;
  std::size_t threads_;
  KnownHashes known_;
  Links links_;
  SessionArea area_;
  Gate gate_;
  ObjectNotes* notes_;
  const Clock& clock_;
  Intake intake_;
  Housekeeping housekeeping_;
};

// Content that comes in parts: memory up to a piece (1 MiB), a temporary beyond. One thread at a time.
class StoreWriter {
 public:
  Result<> append(ByteView bytes);

  // Makes it an object, if it has the `expected` digest where one is given: Code::corrupt otherwise. After
  // this, or after a failure, only destroy the writer. Destroyed without it, the writer leaves nothing.
  Result<Stored> commit(const Digest* expected = nullptr);

 private:
  friend class Store;
  StoreWriter(Store& store, Algorithm algorithm) : store_(store), hasher_(algorithm) {}

  Store& store_;
  Hasher hasher_;
  std::vector<std::byte> buffer_;
  std::optional<Temporary> temporary_;
  ByteCount size_ = 0;
};

}  // namespace kachery
