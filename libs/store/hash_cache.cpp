#include "store/hash_cache.h"

#include <array>

#include "store/index_database.h"

namespace kachery {
namespace {

// docs/formats/index.md.
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS hashed("
    " device INTEGER, inode INTEGER, algorithm INTEGER, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,"
    " digest BLOB, row_check INTEGER,"
    " PRIMARY KEY(device, inode, algorithm)) WITHOUT ROWID";

std::int64_t check_of(const FileStamp& stamp, const Digest& digest) {
  const std::array<std::uint64_t, 6> numbers{stamp.device,
                                             stamp.inode,
                                             stamp.size,
                                             static_cast<std::uint64_t>(stamp.mtime_ns),
                                             static_cast<std::uint64_t>(stamp.ctime_ns),
                                             static_cast<std::uint64_t>(digest.algorithm())};
  return row_check(numbers, digest.bytes());
}

std::int64_t stored(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

}  // namespace

bool is_settled(const FileStamp& stamp, std::int64_t now_ns) {
  return now_ns - stamp.mtime_ns > kSettledNs && now_ns - stamp.ctime_ns > kSettledNs;
}

Result<HashCache::Tables> HashCache::open_tables(const std::filesystem::path& path) {
  KACHERY_TRY(database, Database::open(path, Durability::cache));
  KACHERY_TRY(database.run(kSchema));
  KACHERY_TRY(find, database.prepare("SELECT size, mtime_ns, ctime_ns, digest, row_check FROM hashed"
                                     " WHERE device = ?1 AND inode = ?2 AND algorithm = ?3"));
  KACHERY_TRY(insert,
              database.prepare("INSERT OR REPLACE INTO hashed VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  return Tables{std::move(database), std::move(find), std::move(insert)};
}

std::unique_ptr<HashCache> HashCache::open(const std::filesystem::path& path) {
  Result<Tables> tables = open_index_tables(path, &HashCache::open_tables);
  if (!tables) return nullptr;
  return std::unique_ptr<HashCache>(new HashCache(*std::move(tables)));
}

std::optional<Digest> HashCache::find(const FileStamp& stamp, Algorithm algorithm) {
  if (stamp.size < kCachedSizeMin) return std::nullopt;
  const std::scoped_lock lock(mutex_);
  Statement& find = tables_.find;
  find.bind(1, stored(stamp.device)).bind(2, stored(stamp.inode)).bind(3, static_cast<int>(algorithm));
  const Result<bool> row = find.step();
  if (!row || !*row) return std::nullopt;

  std::optional<Digest> digest;
  const ByteView bytes = find.column_bytes(3);
  const bool same = find.column_int(0) == stored(stamp.size) && find.column_int(1) == stamp.mtime_ns &&
                    find.column_int(2) == stamp.ctime_ns && bytes.size() == digest_size(algorithm);
  if (same) digest = Digest(algorithm, bytes);
  if (digest && find.column_int(4) != check_of(stamp, *digest)) digest.reset();
  find.reset();
  return digest;
}

void HashCache::remember(std::span<const HashedFile> files) {
  const std::scoped_lock lock(mutex_);
  Result<Transaction> transaction = Transaction::begin(tables_.database);
  if (!transaction) return;
  for (const auto& [stamp, digest] : files) {
    tables_.insert.bind(1, stored(stamp.device))
        .bind(2, stored(stamp.inode))
        .bind(3, static_cast<int>(digest.algorithm()))
        .bind(4, stored(stamp.size))
        .bind(5, stamp.mtime_ns)
        .bind(6, stamp.ctime_ns)
        .bind(7, digest.bytes())
        .bind(8, check_of(stamp, digest));
    if (!tables_.insert.run()) return;
  }
  static_cast<void>(transaction->commit());
}

}  // namespace kachery
