#include "hub/catalog/file_rows.h"

#include "hub/catalog/schema.h"

namespace kachery::hub {
namespace {

constexpr std::string_view kZoneKind = "zone";
constexpr std::string_view kChannelKind = "channel:";

struct Granted {
  std::string kind;
  RowId user;
  std::int64_t bytes;
};

// Of one user, or of all.
Result<std::vector<Granted>> grants_of(Work& work, RowId file, std::optional<RowId> user) {
  KACHERY_TRY(row,
              work.query("SELECT kind, user, bytes FROM grants WHERE file = ?1 AND user = coalesce(?2, user)",
                         file, user));
  std::vector<Granted> grants;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return grants;
    grants.push_back({row.text(0), row.number(1), row.number(2)});
  }
}

Result<> drop_grant(Work& work, RowId zone, RowId file, const Granted& granted) {
  KACHERY_TRY(work.run("DELETE FROM grants WHERE file = ?1 AND kind = ?2 AND user = ?3", file, granted.kind,
                       granted.user));
  return give_back(work, zone, granted.user, granted.bytes, 1);
}

Result<bool> take_back_grants(Work& work, RowId zone, RowId file, std::optional<RowId> user) {
  KACHERY_TRY(grants, grants_of(work, file, user));
  for (const Granted& granted : grants) KACHERY_TRY(drop_grant(work, zone, file, granted));
  KACHERY_TRY(drop_file_without_grants(work, file));
  return !grants.empty();
}

struct Sum {
  RowId user;
  std::int64_t bytes;
  std::int64_t objects;
};

Result<> give_back_sums(Work& work, RowId zone, Query row) {
  std::vector<Sum> sums;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) break;
    sums.push_back({row.number(0), row.number(1), row.number(2)});
  }
  for (const Sum& sum : sums) KACHERY_TRY(give_back(work, zone, sum.user, sum.bytes, sum.objects));
  return {};
}

}  // namespace

std::string grant_kind(const std::optional<ChannelName>& channel) {
  return channel ? std::string(kChannelKind) + channel->str() : std::string(kZoneKind);
}

std::optional<ChannelName> channel_of(std::string_view kind) {
  if (kind == kZoneKind) return std::nullopt;
  KACHERY_ASSERT(kind.starts_with(kChannelKind));
  Result<ChannelName> name = ChannelName::parse(kind.substr(kChannelKind.size()));
  KACHERY_ASSERT(name.has_value());
  return *std::move(name);
}

// No name has anything in it that JSON would have to escape.
std::string grant_kinds(const Reader& reader) {
  std::string list = "[";
  const auto add = [&list](const std::string& kind) {
    list += (list.size() > 1 ? ",\"" : "\"") + kind + "\"";
  };
  if (reader.zone) add(grant_kind(std::nullopt));
  for (const ChannelName& channel : reader.channels) add(grant_kind(channel));
  return list + "]";
}

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

Result<bool> has_grant(Work& work, RowId file, const Owner& owner) {
  return work.test("SELECT EXISTS(SELECT 1 FROM grants WHERE file = ?1 AND kind = ?2 AND user = ?3)", file,
                   owner.kind, owner.user);
}

Result<> grant(Work& work, Account& account, RowId file, const Owner& owner, ByteCount size, Adds adds,
               std::int64_t now_ms) {
  KACHERY_TRY(had, has_grant(work, file, owner));
  if (!had)
    return work.run("INSERT INTO grants VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)", file, owner.kind, owner.user,
                    owner.node, owner.zone, now_ms, size);
  account.give_back(adds == Adds::claim ? 0 : size, 1);
  if (adds == Adds::nothing) return {};
  return work.run("UPDATE grants SET bytes = bytes + ?4 WHERE file = ?1 AND kind = ?2 AND user = ?3", file,
                  owner.kind, owner.user, size);
}

Result<bool> take_back(Work& work, RowId zone, RowId file, RowId user) {
  return take_back_grants(work, zone, file, user);
}

Result<bool> take_back_all(Work& work, RowId zone, RowId file) {
  return take_back_grants(work, zone, file, std::nullopt);
}

Result<> take_back_channel(Work& work, RowId zone, const ChannelName& channel) {
  const std::string kind = grant_kind(channel);
  // "kind <> 'zone'" lets SQLite use the index of these grants.
  KACHERY_TRY(granted, work.query("SELECT user, sum(bytes), count(*) FROM grants"
                                  " WHERE zone = ?1 AND kind = ?2 AND kind <> 'zone' GROUP BY user",
                                  zone, kind));
  KACHERY_TRY(give_back_sums(work, zone, std::move(granted)));
  KACHERY_TRY(
      work.run("DELETE FROM files WHERE id IN"
               " (SELECT file FROM grants WHERE zone = ?1 AND kind = ?2 AND kind <> 'zone')"
               " AND NOT EXISTS(SELECT 1 FROM grants g WHERE g.file = files.id AND g.kind <> ?2)",
               zone, kind));
  KACHERY_TRY(work.run("DELETE FROM grants WHERE zone = ?1 AND kind = ?2 AND kind <> 'zone'", zone, kind));
  KACHERY_TRY(reserved, work.query("SELECT user, sum(size), count(*) FROM uploads"
                                   " WHERE zone = ?1 AND kind = ?2 AND state = 0 GROUP BY user",
                                   zone, kind));
  KACHERY_TRY(give_back_sums(work, zone, std::move(reserved)));
  return work.run("UPDATE uploads SET state = ?3 WHERE zone = ?1 AND kind = ?2 AND state = 0", zone, kind,
                  static_cast<int>(UploadRowState::abandoned));
}

Result<> drop_false_claim(Work& work, RowId zone, RowId claim) {
  RowId file = 0;
  RowId user = 0;
  std::int64_t size = 0;
  std::string kind;
  {
    KACHERY_TRY(row, work.query("SELECT file, user, size, kind FROM claims WHERE id = ?1", claim));
    KACHERY_TRY(found, row.step());
    KACHERY_ASSERT(found);
    file = row.number(0);
    user = row.number(1);
    size = row.number(2);
    kind = row.text(3);
  }
  KACHERY_TRY(work.run("DELETE FROM claims WHERE id = ?1", claim));
  KACHERY_TRY(bytes, work.number("SELECT bytes FROM grants WHERE file = ?1 AND kind = ?2 AND user = ?3", file,
                                 kind, user));
  if (bytes && *bytes <= size) {
    KACHERY_TRY(drop_grant(work, zone, file, {kind, user, *bytes}));
  } else if (bytes) {
    KACHERY_TRY(work.run("UPDATE grants SET bytes = bytes - ?4 WHERE file = ?1 AND kind = ?2 AND user = ?3",
                         file, kind, user, size));
    KACHERY_TRY(give_back(work, zone, user, size, 0));
  }
  KACHERY_TRY(is_left, work.test("SELECT object IS NOT NULL OR EXISTS(SELECT 1 FROM claims WHERE file = ?1)"
                                 " FROM files WHERE id = ?1",
                                 file));
  if (is_left) return {};
  KACHERY_TRY(grants, grants_of(work, file, std::nullopt));
  for (const Granted& granted : grants) KACHERY_TRY(drop_grant(work, zone, file, granted));
  return {};
}

}  // namespace kachery::hub
