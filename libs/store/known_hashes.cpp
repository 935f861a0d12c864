#include "store/known_hashes.h"

#include <chrono>
#include <thread>

#include "store/pump.h"

namespace kachery {
namespace {

// Linux stamps files by a clock that ticks every 1 to 10 ms.
constexpr std::chrono::milliseconds kTick{10};

// Smaller objects are hashed again sooner than waited for.
constexpr ByteCount kOwnSizeMin = 16 << 20;

}  // namespace

std::optional<Digest> KnownHashes::find(const FileStamp& stamp, Algorithm algorithm) const {
  return cache_ == nullptr ? std::nullopt : cache_->find(stamp, algorithm);
}

Result<Digest> KnownHashes::digest_of(const File& file, Algorithm algorithm, Progress& progress) const {
  KACHERY_TRY(before, file.stamp());
  if (const auto known = find(before, algorithm)) {
    progress.bytes_done += before.size;
    return *known;
  }
  const auto begun_ns = begin(file, before);
  const auto source = stream_of(file);
  KACHERY_TRY(pumped, pump(*source, algorithm, progress));
  KACHERY_TRY(after, file.stamp());
  if (after != before || pumped.size != before.size)
    return fail(Code::unavailable, "the file changed while it was read; try again when nobody writes to it");
  remember(before, pumped.digest, begun_ns);
  return pumped.digest;
}

Result<bool> KnownHashes::holds(const File& file, const Digest& digest, Progress& progress) const {
  KACHERY_TRY(actual, digest_of(file, digest.algorithm(), progress));
  return actual == digest;
}

std::optional<std::int64_t> KnownHashes::begin(const File& file, const FileStamp& stamp) const {
  const std::int64_t now_ns = clock_.now_ns();
  if (!is_settled(stamp, now_ns) || !file.make_changes_show()) return std::nullopt;
  return now_ns;
}

void KnownHashes::remember(const FileStamp& stamp, const Digest& digest,
                           std::optional<std::int64_t> begun_ns) const {
  if (cache_ == nullptr || stamp.size < kCachedSizeMin || !begun_ns) return;
  const HashedFile hashed{stamp, digest};
  cache_->remember({&hashed, 1});
}

void KnownHashes::remember_own(const Directory& root, const std::string& path, const Digest& digest,
                               ByteCount size) const {
  if (cache_ == nullptr || size < kOwnSizeMin) return;
  const Result<FileStamp> published = root.stamp(path);
  std::this_thread::sleep_for(kTick);
  const Result<FileStamp> later = root.stamp(path);
  if (!published || !later || *later != *published || later->size != size) return;
  const HashedFile hashed{*published, digest};
  cache_->remember({&hashed, 1});
}

void KnownHashes::carry_over(const FileStamp& before, const Directory& root, const std::string& path) const {
  const Result<FileStamp> after = root.stamp(path);
  FileStamp expected = before;
  if (after) expected.ctime_ns = after->ctime_ns;
  if (cache_ == nullptr || !after || *after != expected) return;
  for (const Algorithm algorithm : kAlgorithms) {
    const auto digest = cache_->find(before, algorithm);
    if (!digest) continue;
    const HashedFile hashed{*after, *digest};
    cache_->remember({&hashed, 1});
  }
}

}  // namespace kachery
