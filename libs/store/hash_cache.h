// HashCache: which bytes a file had when we last read it whole, so that nothing is hashed twice.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "core/digest.h"
#include "db/database.h"
#include "os/file.h"

namespace kachery {

struct HashedFile {
  FileStamp stamp;
  Digest digest;
};

// Below this size a file is read about as quickly as it is looked up, and nothing is remembered.
constexpr ByteCount kCachedSizeMin = 64 << 10;

// A file may change twice within the resolution of its times (2 s on some file systems) and look the same; so
// what was hashed sooner than this after the last change is not remembered.
constexpr std::int64_t kSettledNs = 2'000'000'000;

// Whether a file in the state `stamp`, hashed at `now_ns`, may be remembered.
bool is_settled(const FileStamp& stamp, std::int64_t now_ns);

// A table in index.db. It is only a memory: where it cannot be opened, read or written, the files are hashed
// again, and nothing else changes. A damaged row is not believed, a damaged database is made anew.
// Thread-safe.
class HashCache {
 public:
  // Null where there can be none. `path` is in a directory on a local file system.
  static std::unique_ptr<HashCache> open(const std::filesystem::path& path);

  std::optional<Digest> find(const FileStamp& stamp, Algorithm algorithm);
  void remember(std::span<const HashedFile> files);

 private:
  struct Tables {
    Database database;
    Statement find;
    Statement insert;
  };

  static Result<Tables> open_tables(const std::filesystem::path& path);
  explicit HashCache(Tables tables) : tables_(std::move(tables)) {}

  std::mutex mutex_;
  Tables tables_;
};

}  // namespace kachery
