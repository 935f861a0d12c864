#include "store/pump.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include "crypto/hasher.h"

namespace kachery {
namespace {

constexpr std::size_t kPiecesInFlight = 4;

// A ring of pieces between the thread that reads and writes and the one that hashes. Both look at a piece at
// the same time, neither changes it; it is used again when both have done with it.
class Ring {
 public:
  // For the reader: the next free piece, or null when the hashing thread has given up.
  std::byte* wait_free() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || read_ - hashed_ < kPiecesInFlight; });
    return stopped_ ? nullptr : piece(read_);
  }

  // For the reader: the piece from wait_free() has `size` bytes; 0 ends the stream.
  void put(std::size_t size) {
    const std::scoped_lock lock(mutex_);
    sizes_[read_++ % kPiecesInFlight] = size;
    changed_.notify_all();
  }

  void fail(Error error) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::move(error);
    changed_.notify_all();
  }

  // For the hashing thread: the next piece, empty at the end.
  Result<ByteView> wait_full() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || hashed_ < read_; });
    if (failure_) return std::unexpected(*failure_);
    return ByteView(piece(hashed_), sizes_[hashed_ % kPiecesInFlight]);
  }

  void release() {
    const std::scoped_lock lock(mutex_);
    ++hashed_;
    changed_.notify_all();
  }

  void stop() {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  std::byte* piece(std::size_t number) { return pieces_.get() + (number % kPiecesInFlight) * kPieceBytes; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  // Aligned, so that a file can pass it to the disk without a copy.
  std::unique_ptr<std::byte, Free> pieces_{
      static_cast<std::byte*>(std::aligned_alloc(4096, kPiecesInFlight* kPieceBytes))};
  std::array<std::size_t, kPiecesInFlight> sizes_{};
  std::size_t read_ = 0;    // Pieces that were read so far.
  std::size_t hashed_ = 0;  // Pieces that were hashed so far.
  std::optional<Error> failure_;
  bool stopped_ = false;
};

Result<> give(const Sink& sink, ByteView piece) {
  return sink ? sink(piece) : Result<>();
}

// The reader's thread. `size` bytes stand in the first piece already.
void read_pieces(ByteSource& source, const Sink& sink, Ring& ring, std::size_t size) {
  for (std::byte* piece = ring.piece(0);;) {
    ring.put(size);
    if (size == 0) return;
    if (Result<> written = give(sink, ByteView(piece, size)); !written) return ring.fail(written.error());
    piece = ring.wait_free();
    if (piece == nullptr) return;
    Result<std::size_t> got = source.read({piece, kPieceBytes});
    if (!got) return ring.fail(got.error());
    size = *got;
  }
}

Result<Pumped> hash_pieces(Ring& ring, Hasher& hasher, Progress& progress) {
  for (ByteCount total = 0;;) {
    KACHERY_TRY(piece, ring.wait_full());
    if (piece.empty()) return Pumped{hasher.finish(), total};
    hasher.update(piece);
    total += piece.size();
    progress.bytes_done += piece.size();
    ring.release();
    if (progress.cancel) return fail_cancelled();
  }
}

}  // namespace

std::unexpected<Error> fail_cancelled() {
  return fail(Code::cancelled, "stopped at the user's request; nothing was kept");
}

Result<Pumped> pump(ByteSource& source, Algorithm algorithm, Progress& progress, const Sink& sink) {
  if (progress.cancel) return fail_cancelled();
  Ring ring;
  Hasher hasher(algorithm);
  const std::span<std::byte> first(ring.piece(0), kPieceBytes);
  KACHERY_TRY(size, source.read(first));
  if (size < kPieceBytes) {
    KACHERY_TRY(give(sink, first.first(size)));
    hasher.update(first.first(size));
    progress.bytes_done += size;
    return Pumped{hasher.finish(), size};
  }

  Result<Pumped> pumped = fail(Code::internal, "");
  {
    const std::jthread reader([&] { read_pieces(source, sink, ring, size); });
    pumped = hash_pieces(ring, hasher, progress);
    ring.stop();
  }
  return pumped;
}

Result<Digest> hash_bytes(ByteView bytes, Algorithm algorithm, Progress& progress) {
  Hasher hasher(algorithm);
  while (!bytes.empty()) {
    const ByteView piece = bytes.first(std::min(bytes.size(), kPieceBytes));
    hasher.update(piece);
    bytes = bytes.subspan(piece.size());
    progress.bytes_done += piece.size();
    if (progress.cancel) return fail_cancelled();
  }
  return hasher.finish();
}

}  // namespace kachery
