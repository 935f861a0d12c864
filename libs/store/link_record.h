// LinkRecord: "these bytes lie in that file of the user's", as both earlier generations write it down.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/digest.h"
#include "os/file.h"

namespace kachery {

// docs/formats/links.md. `path` may have any bytes but NUL.
struct LinkRecord {
  std::filesystem::path path;  // Absolute.
  Digest digest;
  ByteCount size = 0;
  // The state that was hashed, and when; absent in the records of older programs, which are therefore
  // re-hashed.
  std::optional<FileStamp> stamp = {};
  std::int64_t hashed_at_ns = 0;

  // kachery_cloud's {"path","size","mtime","sha1"}, and our fields behind them.
  std::string str() const;
  // gen1's {"path","manifestSha1","stat"}.
  std::string gen1_str() const;

  // `digest` is what the record's place says; Code::corrupt if the text says otherwise, or nothing sensible.
  static Result<LinkRecord> parse(std::string_view text, const Digest& digest);
  static Result<LinkRecord> parse_gen1(std::string_view text, const Digest& digest);

  // Whether the file is certainly unchanged since it was hashed.
  bool vouches_for(const FileStamp& now) const;
};

}  // namespace kachery
