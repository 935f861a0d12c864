// ObjectNotes: what is remembered about objects: which may be evicted, when each was last used, and gen1's
// manifests.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "core/digest.h"
#include "db/database.h"
#include "os/file.h"

namespace kachery {

// Where an object came from: the user kept it, or it was fetched and can be had again.
enum class Origin { own, fetched };

struct ObjectNote {
  Origin origin = Origin::own;
  std::int64_t used_ns = 0;  // Since 1970; 0 if it is not known.
};

// Tables in index.db. Only a memory: what is lost of it makes objects the user's own, which are not evicted.
// "Fetched" is said of one file with one modification time, before it gets its place; so to make an object
// the user's own, it is enough to give it another modification time, which is as durable as the file itself.
// Thread-safe.
class ObjectNotes {
 public:
  // Null where there can be none. `path` is in a directory on a local file system.
  static std::unique_ptr<ObjectNotes> open(const std::filesystem::path& path);
  ObjectNotes(const ObjectNotes&) = delete;
  ObjectNotes& operator=(const ObjectNotes&) = delete;
  ~ObjectNotes();

  // These were fetched, and their files, which are about to get their places, look like this.
  struct Fetched {
    Digest digest;
    FileStamp stamp;
    std::int64_t now_ns;
  };
  void remember_fetched(std::span<const Fetched> objects);

  // Somebody loaded it. Written together with others, at the latest when this object goes.
  void remember_use(const Digest& digest, std::int64_t now_ns);
  // The same, written at once: for paths that are handed out.
  void remember_use_at_once(const Digest& digest, std::int64_t now_ns);

  ObjectNote find(const Digest& digest, const FileStamp& stamp);
  void forget(std::span<const Digest> digests);

  // gen1's manifest of a file, as it was computed earlier.
  std::optional<Digest> manifest_of(const Digest& sha1);
  void remember_manifest(const Digest& sha1, const Digest& manifest);

 private:
  struct Tables {
    Database database;
    Statement fetch;
    Statement use;
    Statement find;
    Statement forget;
    Statement find_manifest;
    Statement insert_manifest;
  };

  static Result<Tables> open_tables(const std::filesystem::path& path);
  explicit ObjectNotes(Tables tables) : tables_(std::move(tables)) {}
  void write_uses();

  std::mutex mutex_;
  Tables tables_;
  std::map<Digest, std::int64_t> unwritten_uses_;
};

}  // namespace kachery
