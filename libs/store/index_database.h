// index.db: opened, and made anew where it is damaged. Everything in it can be had again.
#pragma once

#include <filesystem>

#include "core/digest.h"
#include "db/database.h"
#include "os/directory.h"

namespace kachery {

// Calls `open_tables(path)`, which opens the database and makes its tables; if it is damaged, removes it and
// calls it again.
template <class OpenTables>
auto open_index_tables(const std::filesystem::path& path, const OpenTables& open_tables) {
  create_shared_file(path, Audience::readers);
  auto tables = open_tables(path);
  if (!tables && tables.error().code == Code::corrupt) {
    std::error_code ignored;
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.native() + suffix, ignored);
    create_shared_file(path, Audience::readers);
    tables = open_tables(path);
  }
  return tables;
}

// The first 8 bytes of the SHA-256 of what a row says: a bit that flipped in the row makes it worthless
// instead of wrong.
std::int64_t row_check(std::span<const std::uint64_t> numbers, ByteView bytes);

}  // namespace kachery
