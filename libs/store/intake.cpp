#include "store/intake.h"

#include <algorithm>

#include "os/random.h"
#include "store/layout.h"
#include "store/pump.h"

namespace kachery {
namespace {

// gc spares what is younger than an hour; so an object that is stored again is refreshed when half of that is
// over.
constexpr std::int64_t kRefreshAfterNs = 1800LL * 1'000'000'000;

Sink into(File& file) {
  return [&file](ByteView piece) { return file.append(piece); };
}

Result<bool> same_bytes(const File& file, ByteView bytes) {
  KACHERY_TRY(stamp, file.stamp());
  if (stamp.size != bytes.size()) return false;
  std::vector<std::byte> other(bytes.size());
  KACHERY_TRY(got, file.read_at(0, other));
  return got == bytes.size() && std::ranges::equal(other, bytes);
}

}  // namespace

std::unexpected<Error> fail_collision(const Digest& digest, std::string_view where) {
  std::string message = "refused: different bytes with the same hash ";
  message += algorithm_name(digest.algorithm());
  message += "://" + digest.hex() + " are ";
  message += where;
  message += " already (a hash collision, made on purpose). What was there stays as it is.";
  if (digest.algorithm() == Algorithm::sha1) message += " Use SHA-256 (--sha256) for such files.";
  return fail(Code::corrupt, std::move(message));
}

Result<Staged> Intake::stage_bytes(ByteView bytes, const Digest& digest, Keeping keeping) const {
  const Same same = [&](const File& file) { return same_bytes(file, bytes); };
  KACHERY_TRY(links_agree(digest, same));
  KACHERY_TRY(there, object_is_there(digest, same));
  Staged staged{digest, bytes.size()};
  if (there) {
    KACHERY_TRY(kept, keep_alive(digest, keeping.origin));
    if (kept == Kept::yes) return staged;
    if (kept == Kept::not_ours) staged.replace = Replace::yes;
  }
  KACHERY_TRY(temporary, area_.create(Access::read_only));
  KACHERY_TRY(temporary.file().append(bytes));
  if (keeping.sync == Sync::each) KACHERY_TRY(temporary.file().sync());
  temporary.close();
  staged.temporary = std::move(temporary);
  return staged;
}

Result<Staged> Intake::stage_stream(ByteSource& source, Algorithm algorithm, Keeping keeping,
                                    Progress& progress) const {
  KACHERY_TRY(temporary, area_.create(Access::read_only));
  KACHERY_TRY(pumped, pump(source, algorithm, progress, into(temporary.file())));
  return finish_large(std::move(temporary), pumped, keeping);
}

Result<Staged> Intake::stage_user_file(const File& file, Algorithm algorithm, Keeping keeping,
                                       Progress& progress) const {
  KACHERY_TRY(before, file.stamp());
  KACHERY_TRY(known, stage_known(file, before, algorithm, keeping, progress));
  if (known) return *std::move(known);

  const auto begun_ns = known_.begin(file, before);
  Result<Staged> staged = before.size < kPieceBytes ? stage_small_file(file, algorithm, keeping, progress)
                                                    : stage_large_file(file, algorithm, keeping, progress);
  if (!staged) return staged;
  KACHERY_TRY(after, file.stamp());
  if (after == before && staged->size == before.size) known_.remember(before, staged->digest, begun_ns);
  return staged;
}

// Without hashing and writing anything, if the source's digest is known and the object has the same bytes.
// They are compared, because of two files with one SHA-1 the second must be refused, whatever is remembered
// of it.
Result<std::optional<Staged>> Intake::stage_known(const File& file, const FileStamp& stamp,
                                                  Algorithm algorithm, Keeping keeping,
                                                  Progress& progress) const {
  const auto digest = known_.find(stamp, algorithm);
  if (!digest) return std::nullopt;
  const Result<std::unique_ptr<File>> object = root_.open(object_path(*digest));
  const Result<bool> same = object ? same_content(**object, file) : Result<bool>(false);
  if (!same || !*same) return std::nullopt;
  KACHERY_TRY(kept, keep_alive(*digest, keeping.origin));
  if (kept != Kept::yes) return std::nullopt;
  progress.bytes_done += stamp.size;
  return Staged{*digest, stamp.size};
}

Result<Staged> Intake::stage_small_file(const File& file, Algorithm algorithm, Keeping keeping,
                                        Progress& progress) const {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kPieceBytes);
  KACHERY_TRY(size, file.read_at(0, {buffer.get(), kPieceBytes}));
  if (size == kPieceBytes) return stage_large_file(file, algorithm, keeping, progress);  // It grew.
  const ByteView bytes(buffer.get(), size);
  KACHERY_TRY(digest, hash_bytes(bytes, algorithm, progress));
  return stage_bytes(bytes, digest, keeping);
}

Result<Staged> Intake::stage_large_file(const File& file, Algorithm algorithm, Keeping keeping,
                                        Progress& progress) const {
  KACHERY_TRY(temporary, area_.create(Access::read_only));
  KACHERY_TRY(cloned, temporary.file().clone_from(file));
  // A clone shares the source's blocks but not its later changes, so what is hashed is what is kept.
  const auto source = stream_of(cloned ? temporary.file() : file);
  KACHERY_TRY(pumped, pump(*source, algorithm, progress, cloned ? Sink() : into(temporary.file())));
  return finish_large(std::move(temporary), pumped, keeping);
}

Result<Staged> Intake::finish_large(Temporary temporary, const Pumped& pumped, Keeping keeping) const {
  if (keeping.sync == Sync::each) KACHERY_TRY(temporary.file().sync());
  const Same same = [&](const File& file) -> Result<bool> {
    KACHERY_TRY(content, root_.open(temporary.path()));
    return same_content(file, *content);
  };
  KACHERY_TRY(links_agree(pumped.digest, same));
  temporary.close();
  return Staged{pumped.digest, pumped.size, std::move(temporary)};
}

Result<bool> Intake::admit(std::span<Staged> batch, Keeping keeping, std::size_t threads) const {
  std::vector<Publication> publications;
  std::vector<Staged*> published;
  std::vector<std::string> existing;
  for (Staged& staged : batch) {
    const std::string path = object_path(staged.digest);
    if (staged.temporary) {
      publications.push_back({staged.temporary->path(), path, staged.replace});
      published.push_back(&staged);
    } else {
      existing.push_back(path);
    }
  }
  KACHERY_TRY(passed, gate_.pass());
  if (keeping.origin == Origin::fetched) remember_fetched(published);
  KACHERY_TRY(outcomes, publish(root_, publications, keeping.sync, threads));
  std::vector<OwnObject> created;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] == Published::existed) {
      KACHERY_TRY(settled, settle(*published[i], keeping.origin));
      if (!settled) return false;
    } else {
      published[i]->temporary->keep();
      created.push_back({publications[i].path, published[i]->digest, published[i]->size});
    }
  }
  known_.remember_own(root_, created);
  return confirm(existing, keeping.sync);
}

// Somebody else made these: they must be durable too, and still there after that. False if one is not.
Result<bool> Intake::confirm(std::span<const std::string> existing, Sync sync) const {
  const auto check = [&]() -> Result<> {
    KACHERY_TRY(make_durable(root_, existing, sync));
    for (const std::string& path : existing) KACHERY_TRY(root_.stamp(path));
    return {};
  };
  Result<> confirmed = check();
  if (confirmed) return true;
  if (confirmed.error().code == Code::not_found) return false;
  return std::unexpected(std::move(confirmed).error());
}

// An object with this digest appeared, or was there, while the temporary waited. False if it is gone again.
Result<bool> Intake::settle(Staged& staged, Origin origin) const {
  const std::string path = object_path(staged.digest);
  KACHERY_TRY(mine, root_.open(staged.temporary->path()));
  KACHERY_TRY(there,
              object_is_there(staged.digest, [&](const File& file) { return same_content(file, *mine); }));
  Replace replace = Replace::no;
  if (there) {
    KACHERY_TRY(kept, keep_alive(staged.digest, origin));
    if (kept == Kept::yes) return confirm({&path, 1}, Sync::each);
    if (kept == Kept::not_ours) replace = Replace::yes;
  }
  const Publication publication{staged.temporary->path(), path, replace};
  KACHERY_TRY(mine->sync());
  KACHERY_TRY(outcomes, publish(root_, {&publication, 1}, Sync::each, 1));
  if (outcomes.front() == Published::existed) return false;
  staged.temporary->keep();
  return true;
}

Result<> Intake::refuse_collision(const Digest& digest, const File& content) const {
  const Same same = [&](const File& file) { return same_content(file, content); };
  KACHERY_TRY(object_is_there(digest, same));
  return links_agree(digest, same);
}

// Whether there is an object, and with this content. A damaged one is put aside, and counts as absent.
Result<bool> Intake::object_is_there(const Digest& digest, const Same& same) const {
  Result<std::unique_ptr<File>> object = root_.open(object_path(digest));
  if (!object && object.error().code == Code::not_found) return false;
  if (!object && object.error().code == Code::invalid) {  // A folder, a link, a pipe: no object at all.
    KACHERY_TRY(quarantine(digest, nullptr));
    return false;
  }
  if (!object) return std::unexpected(std::move(object).error());
  KACHERY_TRY(seen, (*object)->stamp());
  Result<bool> equal = same(**object);
  if (equal && *equal) return true;

  Progress unwatched;
  const auto source = stream_of(**object);
  const Result<Pumped> actual = pump(*source, digest.algorithm(), unwatched);
  if (actual && actual->digest == digest) {
    if (!equal) return equal;  // The new content cannot be read again.
    return fail_collision(digest, "stored");
  }
  KACHERY_TRY(quarantine(digest, &seen));
  return false;
}

Result<> Intake::links_agree(const Digest& digest, const Same& same) const {
  std::vector<std::string> unused;
  for (const OpenLink& link : links_.open(digest, unused)) {
    const Result<bool> equal = same(*link.file);
    if (equal && *equal) continue;
    Progress unwatched;
    const Result<bool> holds = links_.holds(link, unwatched);
    if (!holds || !*holds) continue;
    if (!equal) return std::unexpected(equal.error());  // The new content cannot be read again.
    return fail_collision(digest, "linked from " + link.record.path.native());
  }
  return {};
}

// What is about to be published was fetched and may be evicted, as long as its file has this modification
// time. Said before it can be seen: whoever stores the same then knows that it must be claimed.
void Intake::remember_fetched(std::span<Staged* const> batch) const {
  if (notes_ == nullptr) return;
  std::vector<ObjectNotes::Fetched> fetched;
  for (const Staged* staged : batch)
    if (const Result<FileStamp> stamp = root_.stamp(staged->temporary->path()))
      fetched.push_back({staged->digest, *stamp, known_.now_ns()});
  notes_->remember_fetched(fetched);
}

// Makes what was fetched the user's own, by a modification time that differs by a second or more: finer
// differences do not last on every file system.
Result<> Intake::claim(const Digest& digest, const FileStamp& stamp) const {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t now_ns = known_.now_ns();
  const bool differs = now_ns / kSecond > stamp.mtime_ns / kSecond + 1;
  KACHERY_TRY(root_.set_modified(object_path(digest), differs ? now_ns : stamp.mtime_ns + 2 * kSecond));
  notes_->forget({&digest, 1});
  return {};
}

// Tells gc that the object is wanted, and, if it was fetched and is now stored by the user, that it is the
// user's own.
Result<Intake::Kept> Intake::keep_alive(const Digest& digest, Origin origin) const {
  const std::string path = object_path(digest);
  const Result<FileStamp> stamp = root_.stamp(path);
  if (!stamp && stamp.error().code == Code::not_found) return Kept::gone;
  if (!stamp) return std::unexpected(stamp.error());
  const bool becomes_own =
      origin == Origin::own && notes_ != nullptr && notes_->find(digest, *stamp).origin == Origin::fetched;
  if (!becomes_own && known_.now_ns() - stamp->ctime_ns < kRefreshAfterNs) return Kept::yes;

  Result<> touched = becomes_own ? claim(digest, *stamp) : root_.touch(path);
  if (touched) {
    known_.carry_over(*stamp, root_, path);
    return Kept::yes;
  }
  if (touched.error().code == Code::not_found) return Kept::gone;
  if (touched.error().code != Code::denied) return std::unexpected(std::move(touched).error());
  // What can be had again never takes the place of what somebody keeps.
  return origin == Origin::fetched ? Kept::yes : Kept::not_ours;
}

Result<> Intake::quarantine(const Digest& digest, const FileStamp* seen) const {
  Result<> made = root_.make_directory(std::string(kQuarantine));
  if (!made && made.error().code != Code::exists) return made;
  const Result<FileStamp> now = root_.stamp(object_path(digest));
  const bool replaced = seen != nullptr && now && (now->inode != seen->inode || now->device != seen->device);
  if (replaced) return {};  // By somebody who stored the right bytes.
  const std::string place = std::string(kQuarantine) + "/" + digest.hex() + "." + random_hex(4);
  return root_.rename(object_path(digest), place, Replace::no);
}

}  // namespace kachery
