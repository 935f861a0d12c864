#include "hub/catalog/zones.h"

#include "hub/catalog/accounts.h"

namespace kachery::hub {

Result<> Zones::create_zone(const ZoneName& zone, const UserName& owner, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(user, user_id(work, owner));
  KACHERY_TRY(known, work.number("SELECT id FROM zones WHERE name = ?1", zone));
  if (known) return fail(Code::exists, "there is a zone " + zone.str() + " already");
  KACHERY_TRY(work.run("INSERT INTO zones(name, owner, created_ms) VALUES(?1, ?2, ?3)", zone, user, now_ms));
  return work.commit();
}

Result<> Zones::delete_zone(const ZoneName& zone) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  // What refers to objects goes before the objects.
  KACHERY_TRY(work.run("DELETE FROM uploads WHERE zone = ?1", id));
  KACHERY_TRY(work.run("DELETE FROM files WHERE zone = ?1", id));
  KACHERY_TRY(work.run("DELETE FROM zones WHERE id = ?1", id));
  return work.commit();
}

Result<std::vector<ZoneRecord>> Zones::zones() {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, work.query("SELECT z.name, u.name, z.created_ms, z.bytes_max, z.objects_max, z.bytes,"
                              " z.objects FROM zones z JOIN users u ON u.id = z.owner ORDER BY z.name"));
  std::vector<ZoneRecord> zones;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return zones;
    zones.push_back({row.zone(0), row.user(1), row.number(2), quota_state(row, 3)});
  }
}

Result<> Zones::set_settings(const ZoneName& zone, const ZoneSettings& settings) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  KACHERY_TRY(work.run("UPDATE zones SET public_upload = ?2, public_download = ?3 WHERE id = ?1", id,
                       settings.public_upload, settings.public_download));
  KACHERY_TRY(work.run("DELETE FROM rights WHERE zone = ?1", id));
  for (const auto& [user, rights] : settings.users)
    KACHERY_TRY(work.run("INSERT INTO rights VALUES(?1, ?2, ?3, ?4, ?5)", id, user, rights.upload,
                         rights.download, rights.admin));
  return work.commit();
}

Result<> Zones::set_quota(const ZoneName& zone, const std::optional<UserName>& user, const Quota& quota) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  if (user) {
    KACHERY_TRY(of_user, user_id(work, *user));
    KACHERY_TRY(
        work.run("INSERT INTO accounts(zone, user, bytes_max, objects_max) VALUES(?1, ?2, ?3, ?4)"
                 " ON CONFLICT DO UPDATE SET bytes_max = ?3, objects_max = ?4",
                 id, of_user, quota.bytes, quota.objects));
  } else {
    KACHERY_TRY(work.run("UPDATE zones SET bytes_max = ?2, objects_max = ?3 WHERE id = ?1", id, quota.bytes,
                         quota.objects));
  }
  return work.commit();
}

Result<QuotaState> Zones::quota_of(const ZoneName& zone, const UserName& user) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  KACHERY_TRY(of_user, user_id(work, user));
  KACHERY_TRY(row, work.query("SELECT bytes_max, objects_max, bytes, objects FROM accounts"
                              " WHERE zone = ?1 AND user = ?2",
                              id, of_user));
  KACHERY_TRY(found, row.step());
  return found ? quota_state(row, 0) : QuotaState{};
}

}  // namespace kachery::hub
