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

// As `grants.kind` says for whom a grant is: "zone", or "channel:NAME".
std::string grant_kind(const std::optional<ChannelName>& channel);
// For whom it is; none: for readers of the zone.
std::optional<ChannelName> channel_of(std::string_view kind);
// The kinds of all grants that a reader holds, as a list in JSON: SQL has it as json_each(?).
std::string grant_kinds(const Reader& reader);

// Whatever grants it has: who may know of it is for the caller to ask.
Result<std::optional<FileRow>> find_file(Work& work, RowId zone, const Digest& digest);

struct Owner {
  RowId zone;
  RowId user;
  RowId node;
  std::string kind;  // Of grants.
};

Result<bool> has_grant(Work& work, RowId file, const Owner& owner);

// The owner's `size` bytes in this file were taken from the account. They stay taken if the owner had no
// grant before, or adds a claim, whose chunks lie there besides; otherwise they are given back.
enum class Adds { nothing, claim };
Result<> grant(Work& work, Account& account, RowId file, const Owner& owner, ByteCount size, Adds adds,
               std::int64_t now_ms);

// Whoever had grants, of whatever kind, gets the space back; the file goes with the last grant. False if
// there were none.
Result<bool> take_back(Work& work, RowId zone, RowId file, RowId user);
Result<bool> take_back_all(Work& work, RowId zone, RowId file);

// All grants of a channel: the space is given back, files without another grant go, and uploads to it end.
Result<> take_back_channel(Work& work, RowId zone, const ChannelName& channel);

// A claim that is false: the one who made it gets the space back, and has no grant any more unless there is
// another reason for it. All grants go with the last claim. The file may be left without any grant.
Result<> drop_false_claim(Work& work, RowId zone, RowId claim);
Result<> drop_file_without_grants(Work& work, RowId file);

}  // namespace kachery::hub
