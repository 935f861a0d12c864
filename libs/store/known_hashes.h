// KnownHashes: the digest of an open file, read at most once for each state of it.
#pragma once

#include "core/progress.h"
#include "os/clock.h"
#include "os/directory.h"
#include "store/hash_cache.h"

namespace kachery {

// An object that was just published, at `path` under the root.
struct OwnObject {
  std::string path;
  Digest digest;
  ByteCount size;
};

// Thread-safe. `cache` may be null; both outlive it.
class KnownHashes {
 public:
  KnownHashes(HashCache* cache, const Clock& clock) : cache_(cache), clock_(clock) {}

  // What is remembered of this state of a file, if anything is.
  std::optional<Digest> find(const FileStamp& stamp, Algorithm algorithm) const;

  // Remembered, or hashed now. Code::unavailable if somebody writes to the file meanwhile.
  Result<Digest> digest_of(const File& file, Algorithm algorithm, Progress& progress) const;

  // Whether the file's content is what `digest` names.
  Result<bool> holds(const File& file, const Digest& digest, Progress& progress) const;

  // To be called before a file is read whole: when that began, or nothing if what is found must not be
  // remembered, because a later change might not show.
  std::optional<std::int64_t> begin(const File& file, const FileStamp& stamp) const;

  // For a file that was hashed since begin(), and did not change meanwhile.
  void remember(const FileStamp& stamp, const Digest& digest, std::optional<std::int64_t> begun_ns) const;

  // For objects that we wrote ourselves and published a moment ago: nobody else ever had them open for
  // writing, so the only doubt is a change within the same tick of the file system's clock. Waits for the
  // tick's end if one is large.
  void remember_own(const Directory& root, std::span<const OwnObject> objects) const;

  // What was known of `before` holds for the state that our own change of its times made of it.
  void carry_over(const FileStamp& before, const Directory& root, const std::string& path) const;

  std::int64_t now_ns() const { return clock_.now_ns(); }

 private:
  struct Hashed {
    Digest digest;
    bool changed;  // While it was read.
  };
  Result<Hashed> hash(const File& file, Algorithm algorithm, Progress& progress) const;

  HashCache* cache_;
  const Clock& clock_;
};

}  // namespace kachery
