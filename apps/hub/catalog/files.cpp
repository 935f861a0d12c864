#include "hub/catalog/files.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "hub/catalog/file_rows.h"

namespace kachery::hub {
namespace {

// Where a list goes on: after this grant.
struct Cursor {
  RowId user = 0;
  RowId file = 0;

  std::string str() const { return std::to_string(user) + "." + std::to_string(file); }

  static Result<Cursor> parse(const std::string& text) {
    Cursor cursor;
    const char* end = text.data() + text.size();
    const auto user = std::from_chars(text.data(), end, cursor.user);
    if (user.ec == std::errc() && user.ptr != end && *user.ptr == '.') {
      const auto file = std::from_chars(user.ptr + 1, end, cursor.file);
      if (file.ec == std::errc() && file.ptr == end) return cursor;
    }
    return fail(Code::invalid, "a list cannot go on here: give what the answer before called \"next\"");
  }
};

// Those of the file's size first, and among them the one that was checked.
Result<std::vector<ManifestRecord>> manifests_of(Work& work, RowId file) {
  KACHERY_TRY(row, work.query("SELECT o.sha256, n.key, c.checked FROM claims c"
                              " JOIN files f ON f.id = c.file JOIN objects o ON o.id = c.object"
                              " JOIN nodes n ON n.id = c.node WHERE c.file = ?1"
                              " ORDER BY c.size <> f.size, c.checked DESC, c.id",
                              file));
  std::vector<ManifestRecord> manifests;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return manifests;
    manifests.push_back({row.digest(0), row.flag(2) ? std::nullopt : std::optional(row.node(1))});
  }
}

// The kind of a grant that the reader holds: of the zone if there is one, for "zone" comes behind all
// "channel:NAME". None: the reader may not know of the file.
Result<std::optional<std::string>> kind_for(Work& work, RowId file, const std::string& kinds) {
  KACHERY_TRY(row, work.query("SELECT max(kind) FROM grants WHERE file = ?1"
                              " AND kind IN (SELECT value FROM json_each(?2))",
                              file, kinds));
  KACHERY_TRY(found, row.step());
  if (!found || row.is_null(0)) return std::nullopt;
  return row.text(0);
}

Result<std::optional<FileRecord>> find_one(Work& work, RowId zone, const std::string& kinds,
                                           const Digest& digest) {
  KACHERY_TRY(row,
              work.query("SELECT f.id, f.size, o.sha256 FROM files f LEFT JOIN objects o ON o.id = f.object"
                         " WHERE f.zone = ?1 AND f.digest = ?2",
                         zone, digest));
  KACHERY_TRY(found, row.step());
  if (!found) return std::nullopt;
  KACHERY_TRY(kind, kind_for(work, row.number(0), kinds));
  if (!kind) return std::nullopt;
  FileRecord file{digest, row.count(1), std::nullopt, {}, channel_of(*kind)};
  if (!row.is_null(2)) {
    file.chunk = row.digest(2);
    return file;
  }
  KACHERY_TRY(manifests, manifests_of(work, row.number(0)));
  file.manifests = std::move(manifests);
  return file;
}

// `kinds`: those of a user's grants, in any order, with blanks between them.
void note_kinds(ListedRecord& file, std::string_view kinds) {
  while (!kinds.empty()) {
    const std::size_t end = std::min(kinds.find(' '), kinds.size());
    const auto channel = channel_of(kinds.substr(0, end));
    if (channel) {
      file.channels.push_back(*channel);
    } else {
      file.in_zone = true;
    }
    kinds.remove_prefix(std::min(end + 1, kinds.size()));
  }
  std::ranges::sort(file.channels);
}

}  // namespace

Result<std::vector<std::optional<FileRecord>>> Files::find(const ZoneName& zone, const Reader& reader,
                                                           std::span<const Digest> digests) {
  const std::string kinds = grant_kinds(reader);
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  std::vector<std::optional<FileRecord>> files;
  files.reserve(digests.size());
  for (const Digest& digest : digests) {
    KACHERY_TRY(file, find_one(work, id, kinds, digest));
    files.push_back(std::move(file));
  }
  return files;
}

Result<FoundChunks> Files::chunks_of(const ZoneName& zone, const Reader& reader, const Digest& file,
                                     std::span<const Digest> chunks) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  KACHERY_TRY(row, find_file(work, id, file));
  FoundChunks found{.known = std::vector<bool>(chunks.size(), false)};
  if (!row) return found;
  KACHERY_TRY(kind, kind_for(work, row->id, grant_kinds(reader)));
  if (!kind) return found;
  found.channel = channel_of(*kind);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    KACHERY_TRY(is_part,
                work.test("SELECT o.id = ?3 OR EXISTS(SELECT 1 FROM parts p JOIN claims c ON c.id = p.claim"
                          " WHERE p.object = o.id AND c.file = ?4) FROM objects o"
                          " WHERE o.zone = ?1 AND o.sha256 = ?2 AND o.file = x''",
                          id, chunks[i], row->object, row->id));
    found.known[i] = is_part;
  }
  return found;
}

Result<FilePage> Files::list(const ZoneName& zone, const std::optional<UserName>& user,
                             const std::optional<std::string>& after, std::size_t count_max) {
  Cursor from;
  if (after) {
    KACHERY_TRY(cursor, Cursor::parse(*after));
    from = cursor;
  }
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  RowId last_user = std::numeric_limits<RowId>::max();
  if (user) {
    KACHERY_TRY(only, user_id(work, *user));
    last_user = only;
    if (from.user != only) from = {only, 0};
  }
  // Of the grants of one user the first one says when it was stored, and from where: SQLite takes the other
  // columns from the row of min().
  KACHERY_TRY(row, work.query("SELECT g.user, g.file, f.digest, f.size, min(g.stored_ms), u.name, n.key,"
                              " f.object IS NOT NULL OR"
                              " EXISTS(SELECT 1 FROM claims c WHERE c.file = f.id AND c.checked),"
                              " group_concat(g.kind, ' ')"
                              " FROM grants g JOIN files f ON f.id = g.file JOIN users u ON u.id = g.user"
                              " JOIN nodes n ON n.id = g.node WHERE g.zone = ?1 AND g.user <= ?2"
                              " AND (g.user, g.file) > (?3, ?4) GROUP BY g.user, g.file"
                              " ORDER BY g.user, g.file LIMIT ?5",
                              id, last_user, from.user, from.file, count_max + 1));
  FilePage page;
  Cursor last;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return page;
    if (page.files.size() == count_max) {
      page.next = last.str();
      return page;
    }
    last = {row.number(0), row.number(1)};
    page.files.push_back({.digest = row.digest(2),
                          .size = row.count(3),
                          .stored_ms = row.number(4),
                          .user = row.user(5),
                          .node = row.node(6),
                          .checked = row.flag(7),
                          .in_zone = false,
                          .channels = {}});
    note_kinds(page.files.back(), row.text(8));
  }
}

Result<std::vector<bool>> Files::remove(const ZoneName& zone, std::span<const Digest> digests,
                                        const std::optional<UserName>& user) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  RowId only = 0;
  if (user) {
    KACHERY_TRY(of_user, user_id(work, *user));
    only = of_user;
  }
  std::vector<bool> removed(digests.size(), false);
  for (std::size_t i = 0; i < digests.size(); ++i) {
    KACHERY_TRY(file, find_file(work, id, digests[i]));
    if (!file) continue;
    KACHERY_TRY(was_there, user ? take_back(work, id, file->id, only) : take_back_all(work, id, file->id));
    removed[i] = was_there;
  }
  KACHERY_TRY(work.commit());
  return removed;
}

}  // namespace kachery::hub
