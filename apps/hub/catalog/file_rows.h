// File rows: files, their grants and their claims, as several parts of the catalog change them.
#pragma once

#include "hub/catalog/accounts.h"

namespace kachery::hub {

struct FileRow {
  RowId id;
  ByteCount size;
  RowId object;  // The chunk, of a file of one chunk; 0 of one with claims.
  bool checked;  // Whether its size and its content are known to be right.
};

// One that has a grant for readers of the zone: others there are not.
Result<std::optional<FileRow>> find_file(Work& work, RowId zone, const Digest& digest);

struct Owner {
  RowId zone;
  RowId user;
  RowId node;
};

Result<bool> has_grant(Work& work, RowId file, RowId user);

// The owner's `size` bytes in this file were taken from the account. They stay taken if the owner had no
// grant before, or adds a claim, whose chunks lie there besides; otherwise they are given back.
enum class Adds { nothing, claim };
Result<> grant(Work& work, Account& account, RowId file, const Owner& owner, ByteCount size, Adds adds,
               std::int64_t now_ms);

// Whoever had the grant gets the space back; the file goes with the last grant. False if there was none.
Result<bool> take_back(Work& work, RowId zone, RowId file, RowId user);
Result<bool> take_back_all(Work& work, RowId zone, RowId file);

// A claim that is false: the one who made it gets the space back, and has no grant any more unless there is
// another reason for it. All grants go with the last claim. The file may be left without any grant.
Result<> drop_false_claim(Work& work, RowId zone, RowId claim);
Result<> drop_file_without_grants(Work& work, RowId file);

}  // namespace kachery::hub
