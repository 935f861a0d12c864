#include "store/known_hashes.h"

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

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
  KACHERY_TRY(hashed, hash(file, algorithm, progress));
  if (hashed.changed)
    return fail(Code::unavailable, "the file changed while it was read; try again when nobody writes to it");
  return hashed.digest;
}

Result<bool> KnownHashes::holds(const File& file, const Digest& digest, Progress& progress) const {
  KACHERY_TRY(hashed, hash(file, digest.algorithm(), progress));
  return hashed.digest == digest;  // That somebody touched it meanwhile does not matter.
}

Result<KnownHashes::Hashed> KnownHashes::hash(const File& file, Algorithm algorithm,
                                              Progress& progress) const {
  KACHERY_TRY(before, file.stamp());
  if (const auto known = find(before, algorithm)) {
    progress.bytes_done += before.size;
    return Hashed{*known, false};
  }
  const auto begun_ns = begin(file, before);
  const auto source = stream_of(file);
  KACHERY_TRY(pumped, pump(*source, algorithm, progress));
  KACHERY_TRY(after, file.stamp());
  const bool changed = after != before || pumped.size != before.size;
  if (!changed) remember(before, pumped.digest, begun_ns);
  return Hashed{pumped.digest, changed};
}

std::optional<std::int64_t> KnownHashes::begin(const File& file, const FileStamp& stamp) const {
  const std::int64_t now_ns = clock_.now_ns();
  if (stamp.size < kCachedSizeMin || !is_settled(stamp, now_ns)) return std::nullopt;
  if (!file.make_changes_show()) return std::nullopt;

  return now_ns;
}

void KnownHashes::remember(const FileStamp& stamp, const Digest& digest,
                           std::optional<std::int64_t> begun_ns) const {
  if (cache_ == nullptr || !begun_ns) return;

  const HashedFile hashed{stamp, digest};
  cache_->remember({&hashed, 1});
}

void KnownHashes::remember_own(const Directory& root, std::span<const OwnObject> objects) const {
  if (cache_ == nullptr) return;
  std::vector<std::pair<const OwnObject*, FileStamp>> published;
  for (const OwnObject& object : objects) {
    if (object.size < kOwnSizeMin) continue;
    const Result<FileStamp> stamp = root.stamp(object.path);
    if (stamp && stamp->size == object.size) published.emplace_back(&object, *stamp);
  }
  if (published.empty()) return;
  std::this_thread::sleep_for(kTick);
  std::vector<HashedFile> unchanged;
  for (const auto& [object, stamp] : published) {
    const Result<FileStamp> later = root.stamp(object->path);
    if (later && *later == stamp) unchanged.push_back({stamp, object->digest});
  }
  cache_->remember(unchanged);
}

void KnownHashes::carry_over(const FileStamp& before, const Directory& root, const std::string& path) const {
  const Result<FileStamp> after = root.stamp(path);
  FileStamp expected = before;
  if (after) {
    expected.mtime_ns = after->mtime_ns;
    expected.ctime_ns = after->ctime_ns;
  }
  if (cache_ == nullptr || !after || *after != expected) return;
  for (const Algorithm algorithm : kAlgorithms) {
    const auto digest = cache_->find(before, algorithm);
    if (!digest) continue;
    const HashedFile hashed{*after, *digest};
    cache_->remember({&hashed, 1});
  }
}

}  // namespace kachery
