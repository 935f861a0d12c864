#include "store/store.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "os/parallel.h"
#include "store/layout.h"
#include "store/partial.h"
#include "store/pump.h"

namespace kachery {
namespace {

// gc may delete what is just being stored again, once; that it happens a third time is a fault of something.
constexpr int kAdmitTriesMax = 3;

std::unexpected<Error> fail_vanishing() {
  return fail(Code::unavailable,
              "objects disappeared again and again while they were stored; is something deleting files of "
              "the store?");
}

// What was read of a source already, then the rest of it.
class Prefixed final : public ByteSource {
 public:
  Prefixed(ByteView prefix, ByteSource& rest) : prefix_(prefix), rest_(rest) {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t count = std::min(out.size(), prefix_.size());
    std::ranges::copy(prefix_.first(count), out.begin());
    prefix_ = prefix_.subspan(count);
    KACHERY_TRY(more, rest_.read(out.subspan(count)));
    return count + more;
  }

 private:
  ByteView prefix_;
  ByteSource& rest_;
};

// The path that a link record names: absolute, the last name as the user gave it.
Result<std::filesystem::path> absolute_path(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path full = std::filesystem::absolute(path, error);
  const std::filesystem::path parent = error ? full : std::filesystem::canonical(full.parent_path(), error);
  if (error) return fail_errno(error.value(), "cannot link " + path.native());
  return parent / full.filename();
}

}  // namespace

Store::Store(const StoreParts& parts)
    : root_(parts.root),
      threads_(parts.threads),
      known_(parts.cache, parts.clock),
      links_(parts.root, known_),
      area_(parts.root, parts.clock),
      gate_(parts.root),
      notes_(parts.notes),
      clock_(parts.clock),
      intake_(IntakeParts{parts.root, known_, links_, area_, gate_, parts.notes}),
      housekeeping_(
          HousekeepingParts{parts.root, links_, area_, gate_, parts.notes, parts.clock, parts.threads}) {}

Result<Stored> Store::put(ByteSource& source, Algorithm algorithm, Progress& progress, Origin origin) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kPieceBytes);
  KACHERY_TRY(size, source.read({buffer.get(), kPieceBytes}));
  const ByteView first(buffer.get(), size);
  if (size < kPieceBytes) {
    KACHERY_TRY(digest, hash_bytes(first, algorithm, progress));
    return put_bytes(first, digest, origin);
  }
  Prefixed whole(first, source);
  KACHERY_TRY(staged, intake_.stage_stream(whole, algorithm, {Sync::each, origin}, progress));
  return put_staged(std::move(staged), origin);
}

Result<Stored> Store::put_bytes(ByteView bytes, const Digest& digest, Origin origin) {
  for (int i = 0; i < kAdmitTriesMax; ++i) {
    KACHERY_TRY(staged, intake_.stage_bytes(bytes, digest, {Sync::each, origin}));
    KACHERY_TRY(admitted, intake_.admit({&staged, 1}, {Sync::each, origin}, 1));
    if (admitted) return Stored{digest, bytes.size()};
  }
  return fail_vanishing();
}

Result<Stored> Store::put_staged(Staged staged, Origin origin) {
  for (int i = 0; i < kAdmitTriesMax; ++i) {
    KACHERY_TRY(admitted, intake_.admit({&staged, 1}, {Sync::each, origin}, 1));
    if (admitted) return Stored{staged.digest, staged.size};
  }
  return fail_vanishing();
}

Result<std::vector<Stored>> Store::put_files(std::span<const std::filesystem::path> paths,
                                             Algorithm algorithm, Progress& progress, Origin origin) {
  const Keeping keeping{sync_for(root_, paths.size()), origin};
  for (int i = 0; i < kAdmitTriesMax; ++i) {
    KACHERY_TRY(batch, stage_files(paths, algorithm, keeping, progress));
    KACHERY_TRY(admitted, intake_.admit(batch, keeping, threads_));
    if (!admitted) continue;
    std::vector<Stored> stored;
    stored.reserve(batch.size());
    for (const Staged& staged : batch) stored.push_back({staged.digest, staged.size});
    return stored;
  }
  return fail_vanishing();
}

Result<std::vector<Staged>> Store::stage_files(std::span<const std::filesystem::path> paths,
                                               Algorithm algorithm, Keeping keeping, Progress& progress) {
  std::vector<std::optional<Staged>> slots(paths.size());
  const auto stage_one = [&](std::size_t i) -> Result<> {
    if (progress.cancel) return fail_cancelled();
    KACHERY_TRY(file, open_user_file(paths[i]));
    KACHERY_TRY(staged, intake_.stage_user_file(*file, algorithm, keeping, progress));
    slots[i] = std::move(staged);
    ++progress.items_done;
    return {};
  };
  KACHERY_TRY(parallel_for(paths.size(), threads_, stage_one));
  std::vector<Staged> batch;
  batch.reserve(slots.size());
  for (auto& slot : slots) batch.push_back(*std::move(slot));
  return batch;
}

Result<VerifiedContent> VerifiedContent::check(const Digest& digest, ByteView bytes) {
  const Digest actual = Hasher::of(digest.algorithm(), bytes);
  if (actual == digest) return VerifiedContent(digest, bytes);
  return fail(Code::corrupt, "the bytes have the hash " + actual.hex() + " instead of " + digest.hex());
}

Result<> Store::put_contents(std::span<const VerifiedContent> contents, Origin origin,
                             const Progress& progress) {
  const Keeping keeping{sync_for(root_, contents.size()), origin};
  for (int i = 0; i < kAdmitTriesMax; ++i) {
    std::vector<Staged> batch;
    for (const VerifiedContent& content : contents) {
      if (progress.cancel) return fail_cancelled();
      KACHERY_TRY(staged, intake_.stage_bytes(content.bytes(), content.digest(), keeping));
      batch.push_back(std::move(staged));
    }
    KACHERY_TRY(admitted, intake_.admit(batch, keeping, threads_));
    if (admitted) return {};
  }
  return fail_vanishing();
}

Result<> Store::adopt(std::unique_ptr<Partial> partial, const Stored& stored) {
  KACHERY_TRY(root_.forbid_writing(partial->data_path()));
  Temporary temporary(root_, partial->data_path(), partial->take_data());
  KACHERY_TRY(staged, intake_.finish_large(std::move(temporary), {stored.digest, stored.size},
                                           {Sync::each, Origin::fetched}));
  KACHERY_TRY(put_staged(std::move(staged), Origin::fetched));
  partial->discard();
  return {};
}

StoreWriter Store::create(Algorithm algorithm) {
  return {*this, algorithm};
}

std::optional<Digest> Store::manifest_of(const Digest& sha1) const {
  return notes_ == nullptr ? std::nullopt : notes_->manifest_of(sha1);
}

void Store::remember_manifest(const Digest& sha1, const Digest& manifest) {
  if (notes_ != nullptr) notes_->remember_manifest(sha1, manifest);
}

// --- Links

struct Store::Linked {
  LinkRecord record;
  bool known;  // The record stands there already, and vouches for the file as it is.
};

Result<Store::Linked> Store::link_one(const std::filesystem::path& path, Algorithm algorithm,
                                      Progress& progress) {
  if (progress.cancel) return fail_cancelled();
  KACHERY_TRY(full_path, absolute_path(path));
  KACHERY_TRY(file, open_user_file(full_path));
  KACHERY_TRY(stamp, file->stamp());
  const auto begun_ns = known_.begin(*file, stamp);
  KACHERY_TRY(digest, known_.digest_of(*file, algorithm, progress));
  KACHERY_TRY(after, file->stamp());
  if (after != stamp)
    return fail(Code::unavailable, full_path.native() + " changed while it was read; try again");
  ++progress.items_done;

  std::vector<std::string> unused;
  // A killed process may have written only one of the two records.
  const bool complete = algorithm != Algorithm::sha1 || root_.stamp(gen1_link_path(digest));
  for (const OpenLink& link : links_.open(digest, unused))
    if (complete && link.record.path == full_path && link.record.vouches_for(stamp))
      return Linked{link.record, true};
  KACHERY_TRY(intake_.refuse_collision(digest, *file));
  return Linked{{full_path, digest, stamp.size, stamp, begun_ns.value_or(0)}, false};
}

// What came in together is not linked yet, and so is not compared with what is.
Result<> Store::refuse_collisions_among(std::span<const std::optional<Linked>> batch) {
  std::map<Digest, const LinkRecord*> first_of;
  for (const auto& linked : batch) {
    const LinkRecord& record = linked->record;
    const auto [first, is_new] = first_of.emplace(record.digest, &record);
    if (is_new || first->second->path == record.path) continue;
    KACHERY_TRY(one, open_user_file(first->second->path));
    KACHERY_TRY(other, open_user_file(record.path));
    KACHERY_TRY(same, same_content(*one, *other));
    if (!same) return fail_collision(record.digest, "linked from " + first->second->path.native());
  }
  return {};
}

Result<std::vector<Stored>> Store::link_files(std::span<const std::filesystem::path> paths,
                                              Algorithm algorithm, Progress& progress) {
  std::vector<std::optional<Linked>> slots(paths.size());
  KACHERY_TRY(parallel_for(paths.size(), threads_, [&](std::size_t i) -> Result<> {
    KACHERY_TRY(linked, link_one(paths[i], algorithm, progress));
    slots[i] = std::move(linked);
    return {};
  }));

  KACHERY_TRY(refuse_collisions_among(slots));
  std::vector<Stored> stored;
  std::vector<Temporary> temporaries;
  std::vector<Publication> publications;
  std::vector<std::string> standing;
  const Sync sync = sync_for(root_, 2 * paths.size());
  const auto write = [&](const std::string& text, const std::string& path) -> Result<> {
    KACHERY_TRY(temporary, area_.create(Access::writable));  // Older programs write over their records.
    KACHERY_TRY(temporary.file().append(as_bytes(text)));
    if (sync == Sync::each) KACHERY_TRY(temporary.file().sync());
    temporary.close();
    publications.push_back({temporary.path(), path, Replace::yes});
    temporaries.push_back(std::move(temporary));
    return {};
  };
  for (const auto& slot : slots) {
    const LinkRecord& record = slot->record;
    stored.push_back({record.digest, record.size});
    if (slot->known) {
      standing.push_back(link_path(record.digest));
      if (algorithm == Algorithm::sha1) standing.push_back(gen1_link_path(record.digest));
      continue;
    }
    KACHERY_TRY(write(record.str(), link_path(record.digest)));
    // gen1's programs look for the record here.
    if (algorithm == Algorithm::sha1) KACHERY_TRY(write(record.gen1_str(), gen1_link_path(record.digest)));
  }
  KACHERY_TRY(passed, gate_.pass());
  KACHERY_TRY(publish(root_, publications, sync, threads_));
  for (Temporary& temporary : temporaries) temporary.keep();
  KACHERY_TRY(make_durable(root_, standing, sync));
  return stored;
}

// --- Reading

namespace {

// Looking elsewhere would not help, or is not wanted.
bool is_final(const Error& error) {
  return error.code == Code::cancelled || error.code == Code::exhausted;
}

}  // namespace

std::unexpected<Error> Store::fail_missing(const Digest& digest, const std::vector<std::string>& misses,
                                           bool damaged) const {
  std::string message(algorithm_name(digest.algorithm()));
  message += "://" + digest.hex();
  message +=
      damaged ? ": the stored bytes are damaged and are not served" : ": not in the store " + root_.name();
  for (const std::string& miss : misses) message += "; " + miss;
  if (damaged) message += ". Store the original again, which replaces them, or run: kachery verify";
  return fail(damaged ? Code::corrupt : Code::not_found, std::move(message));
}

Result<Found> Store::find(const Digest& digest, const Accept& accept) {
  std::vector<std::string> misses;
  bool damaged = false;
  const std::string path = object_path(digest);
  Result<std::unique_ptr<File>> object = root_.open(path);
  if (object) {
    const Result<bool> whole = accept(**object, nullptr);
    if (!whole && is_final(whole.error())) return std::unexpected(whole.error());
    if (whole && *whole) return Found{*std::move(object), std::filesystem::path(root_.name()) / path, false};
    damaged = true;
    misses.push_back(whole ? "they have another hash" : whole.error().message);
  } else if (object.error().code == Code::invalid) {
    damaged = true;
    misses.push_back(object.error().message);
  } else if (object.error().code != Code::not_found) {
    return std::unexpected(std::move(object).error());
  }
  for (OpenLink& link : links_.open(digest, misses)) {
    const Result<bool> whole = accept(*link.file, &link);
    if (!whole && is_final(whole.error())) return std::unexpected(whole.error());
    if (whole && *whole) return Found{std::move(link.file), link.record.path, true};
    misses.push_back(whole ? "the linked file " + link.record.path.native() + " has changed since"
                           : whole.error().message);
  }
  return fail_missing(digest, misses, damaged);
}

Result<Found> Store::open(const Digest& digest, Progress& progress) {
  Result<Found> found = find(digest, [&](const File& file, const OpenLink* link) {
    return link != nullptr ? links_.holds(*link, progress) : known_.holds(file, digest, progress);
  });
  if (found && !found->linked && notes_ != nullptr) notes_->remember_use_at_once(digest, clock_.now_ns());
  return found;
}

Result<ByteCount> Store::look_for(const Digest& digest) const {
  if (const Result<FileStamp> stamp = root_.stamp(object_path(digest))) return stamp->size;
  std::vector<std::string> misses;
  const std::vector<OpenLink> links = links_.open(digest, misses);
  if (!links.empty()) return links.front().stamp.size;
  std::unexpected<Error> missing = fail_missing(digest, misses, false);
  if (!misses.empty()) missing.error().code = Code::corrupt;
  return missing;
}

Result<> Store::read(const Digest& digest, const Allocate& allocate, Progress& progress) {
  KACHERY_TRY(found, find(digest, [&](const File& file, const OpenLink*) -> Result<bool> {
                KACHERY_TRY(stamp, file.stamp());
                const std::span<std::byte> space = allocate(stamp.size);
                if (space.size() != stamp.size)
                  return fail(Code::exhausted, "not enough memory for " + std::to_string(stamp.size) +
                                                   " bytes; load_file gives a path");
                KACHERY_TRY(read_exactly(file, 0, space));
                KACHERY_TRY(actual, hash_bytes(space, digest.algorithm(), progress));
                return actual == digest;
              }));
  if (!found.linked && notes_ != nullptr) notes_->remember_use(digest, clock_.now_ns());
  return {};
}

// --- Writing in parts

Result<> StoreWriter::append(ByteView bytes) {
  hasher_.update(bytes);
  size_ += bytes.size();
  if (!temporary_ && buffer_.size() + bytes.size() <= kPieceBytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }
  if (!temporary_) {
    KACHERY_TRY(temporary, store_.area_.create(Access::read_only));
    temporary_ = std::move(temporary);
    KACHERY_TRY(temporary_->file().append(buffer_));
    buffer_ = {};
  }
  return temporary_->file().append(bytes);
}

Result<Stored> StoreWriter::commit(const Digest* expected) {
  const Digest digest = hasher_.finish();
  if (expected != nullptr && digest != *expected)
    return fail(Code::corrupt, "the bytes have the hash " + digest.hex() + " instead of " + expected->hex());
  if (!temporary_) return store_.put_bytes(buffer_, digest, Origin::own);
  KACHERY_TRY(staged, store_.intake_.finish_large(*std::exchange(temporary_, std::nullopt), {digest, size_},
                                                  {Sync::each, Origin::own}));
  return store_.put_staged(std::move(staged), Origin::own);
}

}  // namespace kachery
