#include "hub/catalog/file_rows.h"

namespace kachery::hub {
namespace {

struct Granted {
  RowId user;
  std::int64_t bytes;
};

Result<std::vector<Granted>> grants_of(Work& work, RowId file) {
  KACHERY_TRY(row, work.query("SELECT user, bytes FROM grants WHERE file = ?1", file));
  std::vector<Granted> grants;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return grants;
    grants.push_back({row.number(0), row.number(1)});
  }
}

Result<> drop_grant(Work& work, RowId zone, RowId file, const Granted& granted) {
  KACHERY_TRY(work.run("DELETE FROM grants WHERE file = ?1 AND user = ?2", file, granted.user));
  return give_back(work, zone, granted.user, granted.bytes, 1);
}

}  // namespace

Result<> drop_file_without_grants(Work& work, RowId file) {
  return work.run("DELETE FROM files WHERE id = ?1 AND NOT EXISTS(SELECT 1 FROM grants WHERE file = ?1)",
                  file);
}

Result<std::optional<FileRow>> find_file(Work& work, RowId zone, const Digest& digest) {
  KACHERY_TRY(row, work.query("SELECT id, size, coalesce(object, 0), object IS NOT NULL OR"
                              " EXISTS(SELECT 1 FROM claims c WHERE c.file = f.id AND c.checked)"
                              " FROM files f WHERE zone = ?1 AND digest = ?2",
                              zone, digest));
  KACHERY_TRY(found, row.step());
  if (!found) return std::nullopt;
  return FileRow{row.number(0), row.count(1), row.number(2), row.flag(3)};
}

Result<bool> has_grant(Work& work, RowId file, RowId user) {
  return work.test("SELECT EXISTS(SELECT 1 FROM grants WHERE file = ?1 AND kind = 'zone' AND user = ?2)",
                   file, user);
}

Result<> grant(Work& work, Account& account, RowId file, const Owner& owner, ByteCount size, Adds adds,
               std::int64_t now_ms) {
  KACHERY_TRY(had, has_grant(work, file, owner.user));
  if (!had)
    return work.run("INSERT INTO grants VALUES(?1, 'zone', ?2, ?3, ?4, ?5, ?6)", file, owner.user, owner.node,
                    owner.zone, now_ms, size);
  account.give_back(adds == Adds::claim ? 0 : size, 1);
  if (adds == Adds::nothing) return {};
  return work.run("UPDATE grants SET bytes = bytes + ?3 WHERE file = ?1 AND kind = 'zone' AND user = ?2",
                  file, owner.user, size);
}

Result<bool> take_back(Work& work, RowId zone, RowId file, RowId user) {
  KACHERY_TRY(bytes, work.number("SELECT bytes FROM grants WHERE file = ?1 AND kind = 'zone' AND user = ?2",
                                 file, user));
  if (!bytes) return false;
  KACHERY_TRY(drop_grant(work, zone, file, {user, *bytes}));
  KACHERY_TRY(drop_file_without_grants(work, file));
  return true;
}

Result<bool> take_back_all(Work& work, RowId zone, RowId file) {
  KACHERY_TRY(grants, grants_of(work, file));
  for (const Granted& granted : grants) KACHERY_TRY(drop_grant(work, zone, file, granted));
  KACHERY_TRY(drop_file_without_grants(work, file));
  return !grants.empty();
}

Result<> drop_false_claim(Work& work, RowId zone, RowId claim) {
  RowId file = 0;
  RowId user = 0;
  std::int64_t size = 0;
  {
    KACHERY_TRY(row, work.query("SELECT file, user, size FROM claims WHERE id = ?1", claim));
    KACHERY_TRY(found, row.step());
    KACHERY_ASSERT(found);
    file = row.number(0);
    user = row.number(1);
    size = row.number(2);
  }
  KACHERY_TRY(work.run("DELETE FROM claims WHERE id = ?1", claim));
  KACHERY_TRY(bytes, work.number("SELECT bytes FROM grants WHERE file = ?1 AND user = ?2", file, user));
  if (bytes && *bytes <= size) {
    KACHERY_TRY(drop_grant(work, zone, file, {user, *bytes}));
  } else if (bytes) {
    KACHERY_TRY(
        work.run("UPDATE grants SET bytes = bytes - ?3 WHERE file = ?1 AND user = ?2", file, user, size));
    KACHERY_TRY(give_back(work, zone, user, size, 0));
  }
  KACHERY_TRY(is_left, work.test("SELECT object IS NOT NULL OR EXISTS(SELECT 1 FROM claims WHERE file = ?1)"
                                 " FROM files WHERE id = ?1",
                                 file));
  if (is_left) return {};
  KACHERY_TRY(grants, grants_of(work, file));
  for (const Granted& granted : grants) KACHERY_TRY(drop_grant(work, zone, file, granted));
  return {};
}

}  // namespace kachery::hub
