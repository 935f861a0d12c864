#include "store/partial.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "store/layout.h"
#include "store/pump.h"

namespace kachery {
namespace {

constexpr std::int64_t kAgeMaxNs = 7LL * 24 * 3600 * 1'000'000'000;
constexpr std::chrono::milliseconds kLockStep{50};

// The root of a manifest: a line for each page, and a page is 32 GiB or more.
constexpr ByteCount kManifestBytesMax = 16 << 20;

constexpr std::string_view kLockSuffix = ".lock";
constexpr std::array kNames{"manifest", "bitmap", "data"};

Result<> make_if_missing(Directory& root, const std::string& path) {
  Result<> made = root.make_directory(path);
  if (!made && made.error().code != Code::exists) return made;
  return {};
}

void remove_folder(Directory& root, const std::string& folder) {
  for (const char* name : kNames) static_cast<void>(root.remove(folder + "/" + name));
  static_cast<void>(root.remove_directory(folder));
}

}  // namespace

Result<std::unique_ptr<Partial>> Partial::open(Directory& root, const Digest& digest,
                                               const Progress& progress) {
  KACHERY_TRY(make_if_missing(root, std::string(kPartials)));
  std::unique_ptr<Partial> partial(new Partial(root, std::string(kPartials) + "/" + digest.hex()));
  for (;;) {
    Result<std::unique_ptr<Lock>> lock = root.lock(partial->folder_ + std::string(kLockSuffix), Hold::alone);
    if (lock) {
      partial->lock_ = *std::move(lock);
      break;
    }
    if (lock.error().code != Code::unavailable) return std::unexpected(std::move(lock).error());
    if (progress.cancel) return fail_cancelled();
    std::this_thread::sleep_for(kLockStep);
  }
  return partial;
}

// The folder stays where something is in it.
Partial::~Partial() {
  if (!lock_) return;
  static_cast<void>(root_.remove_directory(folder_));
  static_cast<void>(root_.remove(folder_ + std::string(kLockSuffix)));
}

std::string Partial::manifest() const {
  const auto file = root_.open(folder_ + "/manifest");
  const auto stamp = file ? (*file)->stamp() : Result<FileStamp>(std::unexpected(file.error()));
  if (!stamp || stamp->size > kManifestBytesMax) return {};
  std::string text(stamp->size, '\0');
  if (!read_exactly(**file, 0, std::as_writable_bytes(std::span(text)))) return {};
  return text;
}

Result<> Partial::reopen(std::size_t chunks) {
  KACHERY_TRY(data, root_.reopen(data_path()));
  KACHERY_TRY(bitmap, root_.reopen(folder_ + "/bitmap"));
  std::vector<std::byte> bits((chunks + 7) / 8);
  KACHERY_TRY(bitmap->read_at(0, bits));
  data_ = std::move(data);
  bitmap_ = std::move(bitmap);
  bits_ = std::move(bits);
  return {};
}

Result<> Partial::begin(const std::string& text, std::size_t chunks) {
  if (manifest() == text && reopen(chunks)) return {};
  return begin_anew(text, chunks);
}

Result<> Partial::begin_anew(const std::string& text, std::size_t chunks) {
  KACHERY_TRY(make_if_missing(root_, folder_));
  for (const char* name : kNames) {
    const Result<> removed = root_.remove(folder_ + "/" + name);
    if (!removed && removed.error().code != Code::not_found) return removed;
  }
  KACHERY_TRY(data, root_.create(data_path(), Access::writable));
  KACHERY_TRY(bitmap, root_.create(folder_ + "/bitmap", Access::writable));
  // Last, because it vouches for the others.
  KACHERY_TRY(manifest, root_.create(folder_ + "/manifest", Access::writable));
  KACHERY_TRY(manifest->append(as_bytes(text)));
  data_ = std::move(data);
  bitmap_ = std::move(bitmap);
  bits_.assign((chunks + 7) / 8, std::byte{0});
  return {};
}

bool Partial::has(std::size_t chunk) const {
  const std::scoped_lock lock(mutex_);
  return (bits_.at(chunk / 8) & (std::byte{1} << (chunk % 8))) != std::byte{0};
}

Result<> Partial::note(std::size_t chunk) {
  const std::scoped_lock lock(mutex_);
  std::byte& bits = bits_.at(chunk / 8);
  bits |= std::byte{1} << (chunk % 8);
  return bitmap_->write_at(chunk / 8, ByteView(&bits, 1));
}

void Partial::discard() {
  data_.reset();
  bitmap_.reset();
  remove_folder(root_, folder_);
}

void reap_partials(Directory& root, const Clock& clock) {
  const Result<std::vector<Entry>> entries = root.list(std::string(kPartials));
  if (!entries) return;
  for (const Entry& entry : *entries) {
    if (entry.kind != EntryKind::directory) continue;
    const std::string folder = std::string(kPartials) + "/" + entry.name;
    // Every chunk that comes is noted there.
    const Result<FileStamp> bitmap = root.stamp(folder + "/bitmap");
    const Result<FileStamp> data = root.stamp(folder + "/data");
    const std::int64_t used_ns = std::max(bitmap ? bitmap->mtime_ns : 0, data ? data->mtime_ns : 0);
    if (clock.now_ns() - used_ns < kAgeMaxNs) continue;
    const std::string lock_path = folder + std::string(kLockSuffix);
    const Result<std::unique_ptr<Lock>> lock = root.lock(lock_path, Hold::alone);
    if (!lock) continue;
    remove_folder(root, folder);
    static_cast<void>(root.remove(lock_path));
  }
}

}  // namespace kachery
