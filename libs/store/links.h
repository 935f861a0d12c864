// Links: which of the user's files hold which content.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/directory.h"
#include "store/known_hashes.h"
#include "store/link_record.h"

namespace kachery {

// A linked file that was opened; whether it still has the content is not said yet.
struct OpenLink {
  LinkRecord record;
  std::unique_ptr<File> file;
  FileStamp stamp;
};

// Thread-safe. The root and the hashes outlive it.
class Links {
 public:
  Links(Directory& root, const KnownHashes& known) : root_(root), known_(known) {}

  // The files that the records for `digest` name, kachery_cloud's first. Records that are damaged, and files
  // that cannot be opened, are left out; `misses` gets a sentence about each.
  std::vector<OpenLink> open(const Digest& digest, std::vector<std::string>& misses) const;

  // Whether the file has the content that its record names: hashed, unless the record or the cache knows its
  // state.
  Result<bool> holds(const OpenLink& link, Progress& progress) const;

  // One of the two records for `digest`.
  Result<LinkRecord> read_record(const Digest& digest, bool gen1) const;

 private:
  Directory& root_;
  const KnownHashes& known_;
};

}  // namespace kachery
