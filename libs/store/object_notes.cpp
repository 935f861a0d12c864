#include "store/object_notes.h"

#include <array>

#include "store/index_database.h"

namespace kachery {
namespace {

// docs/formats/index.md.
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS objects("
    " digest BLOB PRIMARY KEY, used_ns INTEGER, fetched_check INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS manifests("
    " sha1 BLOB PRIMARY KEY, manifest BLOB, row_check INTEGER) WITHOUT ROWID";

// So many uses are written together: a row by itself costs as much as loading a small object.
constexpr std::size_t kUnwrittenMax = 4096;

// Over the object's name and what its file keeps when it is renamed, loaded or touched.
std::int64_t fetched_check(const Digest& digest, const FileStamp& stamp) {
  const std::array<std::uint64_t, 4> numbers{stamp.device, stamp.inode, stamp.size,
                                             static_cast<std::uint64_t>(stamp.mtime_ns)};
  return row_check(numbers, digest.bytes());
}

std::int64_t manifest_check(const Digest& sha1, const Digest& manifest) {
  std::vector<std::byte> both(sha1.bytes().begin(), sha1.bytes().end());
  both.insert(both.end(), manifest.bytes().begin(), manifest.bytes().end());
  return row_check({}, both);
}

}  // namespace

Result<ObjectNotes::Tables> ObjectNotes::open_tables(const std::filesystem::path& path) {
  KACHERY_TRY(database, Database::open(path, Durability::cache));
  KACHERY_TRY(database.run(kSchema));
  KACHERY_TRY(fetch, database.prepare("INSERT OR REPLACE INTO objects VALUES(?1, ?2, ?3)"));
  KACHERY_TRY(use, database.prepare("INSERT INTO objects VALUES(?1, ?2, NULL)"
                                    " ON CONFLICT(digest) DO UPDATE SET used_ns = max(used_ns, ?2)"));
  KACHERY_TRY(find, database.prepare("SELECT used_ns, fetched_check, fetched_check IS NULL FROM objects"
                                     " WHERE digest = ?1"));
  KACHERY_TRY(forget, database.prepare("DELETE FROM objects WHERE digest = ?1"));
  KACHERY_TRY(find_manifest, database.prepare("SELECT manifest, row_check FROM manifests WHERE sha1 = ?1"));
  KACHERY_TRY(insert_manifest, database.prepare("INSERT OR REPLACE INTO manifests VALUES(?1, ?2, ?3)"));
  return Tables{std::move(database),       std::move(fetch),  std::move(use),
                std::move(find),           std::move(forget), std::move(find_manifest),
                std::move(insert_manifest)};
}

std::unique_ptr<ObjectNotes> ObjectNotes::open(const std::filesystem::path& path) {
  Result<Tables> tables = open_index_tables(path, &ObjectNotes::open_tables);
  if (!tables) return nullptr;
  return std::unique_ptr<ObjectNotes>(new ObjectNotes(*std::move(tables)));
}

ObjectNotes::~ObjectNotes() {
  const std::scoped_lock lock(mutex_);
  write_uses();
}

void ObjectNotes::remember_fetched(std::span<const Fetched> objects) {
  if (objects.empty()) return;
  const std::scoped_lock lock(mutex_);
  Result<Transaction> transaction = Transaction::begin(tables_.database);
  if (!transaction) return;
  for (const auto& [digest, stamp, now_ns] : objects) {
    tables_.fetch.bind(1, digest.bytes()).bind(2, now_ns).bind(3, fetched_check(digest, stamp));
    if (!tables_.fetch.run()) return;
  }
  static_cast<void>(transaction->commit());
}

void ObjectNotes::remember_use(const Digest& digest, std::int64_t now_ns) {
  const std::scoped_lock lock(mutex_);
  unwritten_uses_.insert_or_assign(digest, now_ns);
  if (unwritten_uses_.size() >= kUnwrittenMax) write_uses();
}

void ObjectNotes::remember_use_at_once(const Digest& digest, std::int64_t now_ns) {
  const std::scoped_lock lock(mutex_);
  unwritten_uses_.insert_or_assign(digest, now_ns);
  write_uses();
}

void ObjectNotes::write_uses() {
  const auto uses = std::exchange(unwritten_uses_, {});
  if (uses.empty()) return;
  Result<Transaction> transaction = Transaction::begin(tables_.database);
  if (!transaction) return;
  for (const auto& [digest, used_ns] : uses)
    if (!tables_.use.bind(1, digest.bytes()).bind(2, used_ns).run()) return;
  static_cast<void>(transaction->commit());
}

ObjectNote ObjectNotes::find(const Digest& digest, const FileStamp& stamp) {
  const std::scoped_lock lock(mutex_);
  ObjectNote note;
  tables_.find.bind(1, digest.bytes());
  const Result<bool> row = tables_.find.step();
  if (row && *row) {
    note.used_ns = tables_.find.column_int(0);
    const bool noted = tables_.find.column_int(2) == 0;
    if (noted && tables_.find.column_int(1) == fetched_check(digest, stamp)) note.origin = Origin::fetched;
    tables_.find.reset();
  }
  const auto unwritten = unwritten_uses_.find(digest);
  if (unwritten != unwritten_uses_.end()) note.used_ns = std::max(note.used_ns, unwritten->second);
  return note;
}

void ObjectNotes::forget(std::span<const Digest> digests) {
  if (digests.empty()) return;
  const std::scoped_lock lock(mutex_);
  Result<Transaction> transaction = Transaction::begin(tables_.database);
  if (!transaction) return;
  for (const Digest& digest : digests) {
    unwritten_uses_.erase(digest);
    if (!tables_.forget.bind(1, digest.bytes()).run()) return;
  }
  static_cast<void>(transaction->commit());
}

std::optional<Digest> ObjectNotes::manifest_of(const Digest& sha1) {
  const std::scoped_lock lock(mutex_);
  Statement& find = tables_.find_manifest;
  find.bind(1, sha1.bytes());
  const Result<bool> row = find.step();
  if (!row || !*row) return std::nullopt;
  std::optional<Digest> manifest;
  if (find.column_bytes(0).size() == digest_size(Algorithm::sha1)) {
    manifest = Digest(Algorithm::sha1, find.column_bytes(0));
    if (find.column_int(1) != manifest_check(sha1, *manifest)) manifest.reset();
  }
  find.reset();
  return manifest;
}

void ObjectNotes::remember_manifest(const Digest& sha1, const Digest& manifest) {
  const std::scoped_lock lock(mutex_);
  Statement& insert = tables_.insert_manifest;
  insert.bind(1, sha1.bytes()).bind(2, manifest.bytes()).bind(3, manifest_check(sha1, manifest));
  static_cast<void>(insert.run());
}

}  // namespace kachery
