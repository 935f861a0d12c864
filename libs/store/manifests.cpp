#include "store/manifests.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "chunk/gen1_manifest.h"
#include "os/parallel.h"
#include "store/pump.h"

namespace kachery {
namespace {

// A terabyte has 50,000 chunks of less than 128 characters each.
constexpr ByteCount kManifestBytesMax = 64 << 20;

class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string_view text) : left_(as_bytes(text)) {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t count = std::min(out.size(), left_.size());
    std::ranges::copy(left_.first(count), out.begin());
    left_ = left_.subspan(count);
    return count;
  }

 private:
  ByteView left_;
};

Result<Digest> hash_part(const File& file, ByteCount start, ByteCount size, Progress& progress) {
  Hasher hasher(Algorithm::sha1);
  std::vector<std::byte> piece(std::min<ByteCount>(size, kPieceBytes));
  for (ByteCount done = 0; done < size;) {
    if (progress.cancel) return fail_cancelled();
    const auto part = std::span(piece).first(std::min<ByteCount>(piece.size(), size - done));
    KACHERY_TRY(read_exactly(file, start + done, part));
    hasher.update(part);
    done += part.size();
  }
  return hasher.finish();
}

// Read-only, and only through read_at and stamp.
class ChunkedFile final : public File {
 public:
  ChunkedFile(Gen1Manifest manifest, FindContent find)
      : manifest_(std::move(manifest)), find_(std::move(find)) {}

  Result<std::size_t> read_at(ByteCount offset, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size() && offset + done < manifest_.size) {
      const ByteCount at = offset + done;
      const std::size_t i = at / kGen1ChunkBytes;
      const ByteCount start = i * kGen1ChunkBytes;
      const auto part = out.subspan(done).first(
          std::min<ByteCount>(out.size() - done, start + gen1_chunk_size(manifest_.size, i) - at));
      KACHERY_TRY(chunk, open_chunk(i));
      KACHERY_TRY(read_exactly(*chunk, at - start, part));
      done += part.size();
    }
    return done;
  }

  Result<FileStamp> stamp() const override { return FileStamp{.size = manifest_.size}; }
  bool make_changes_show() const override { return false; }
  Result<> reserve(ByteCount) override { return fail_read_only(); }
  Result<> append(ByteView) override { return fail_read_only(); }
  Result<> write_at(ByteCount, ByteView) override { return fail_read_only(); }
  Result<bool> clone_from(const File&) override { return fail_read_only(); }
  Result<> sync() override { return fail_read_only(); }

 private:
  static std::unexpected<Error> fail_read_only() {
    return fail(Code::internal, "a file of chunks is only read");
  }

  // The chunk that was read last stays open.
  Result<std::shared_ptr<File>> open_chunk(std::size_t i) const {
    const std::scoped_lock lock(mutex_);
    if (open_ && open_index_ == i) return open_;
    KACHERY_TRY(found, find_(manifest_.chunks[i]));
    KACHERY_TRY(stamp, found.file->stamp());
    if (stamp.size != gen1_chunk_size(manifest_.size, i))
      return fail(Code::corrupt, "the manifest gives a chunk another size than it has");
    open_ = std::move(found.file);
    open_index_ = i;
    return open_;
  }

  Gen1Manifest manifest_;
  FindContent find_;
  mutable std::mutex mutex_;
  // Shared by this file and the reads that are going on.
  mutable std::shared_ptr<File> open_;
  mutable std::size_t open_index_ = 0;
};

}  // namespace

Result<std::optional<Digest>> keep_gen1_manifest(Store& store, const Digest& sha1, std::size_t threads,
                                                 Progress& progress) {
  KACHERY_TRY(found, store.open(sha1, progress));
  KACHERY_TRY(stamp, found.file->stamp());
  if (stamp.size <= kGen1ChunkBytes) return std::nullopt;
  const auto known = store.manifest_of(sha1);
  if (known && store.open(*known, progress)) return known;

  const std::size_t count = gen1_chunk_count(stamp.size);
  std::vector<std::optional<Digest>> chunks(count);
  KACHERY_TRY(parallel_for(count, threads, [&](std::size_t i) -> Result<> {
    KACHERY_TRY(digest,
                hash_part(*found.file, i * kGen1ChunkBytes, gen1_chunk_size(stamp.size, i), progress));
    chunks[i] = digest;
    return {};
  }));
  Gen1Manifest manifest{stamp.size, sha1, {}};
  for (const auto& chunk : chunks) manifest.chunks.push_back(*chunk);
  const std::string text = manifest.str();
  TextSource source(text);
  Progress unwatched;
  KACHERY_TRY(stored, store.put(source, Algorithm::sha1, unwatched));
  store.remember_manifest(sha1, stored.digest);
  return stored.digest;
}

Result<std::unique_ptr<File>> open_chunked(const Digest& digest, const Digest& manifest,
                                           const FindContent& find) {
  KACHERY_TRY(found, find(manifest));
  KACHERY_TRY(stamp, found.file->stamp());
  if (stamp.size > kManifestBytesMax) return fail(Code::corrupt, "damaged manifest: it is too large");
  std::string text(stamp.size, '\0');
  KACHERY_TRY(read_exactly(*found.file, 0, std::as_writable_bytes(std::span(text))));
  KACHERY_TRY(parsed, Gen1Manifest::parse(text));
  if (parsed.sha1 != digest)
    return fail(Code::corrupt,
                "the manifest " + manifest.hex() + " is of other content than " + digest.hex());
  return std::make_unique<ChunkedFile>(std::move(parsed), find);
}

}  // namespace kachery
