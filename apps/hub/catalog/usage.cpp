#include "hub/catalog/usage.h"

namespace kachery::hub {

Result<> UsageLedger::add_usage(std::span<const UsageRecord> usage) {
  KACHERY_TRY(work, Work::take(connection_));
  for (const UsageRecord& record : usage) {
    const ByteView node = record.node ? record.node->bytes() : ByteView();
    // A zone that was deleted meanwhile has no row to add to.
    KACHERY_TRY(
        work.run("INSERT INTO usage SELECT id, ?2, coalesce(?3, x''), ?4, ?5, ?6, ?7 FROM zones"
                 " WHERE name = ?1 ON CONFLICT DO UPDATE SET uploads = uploads + ?4,"
                 " upload_bytes = upload_bytes + ?5, downloads = downloads + ?6,"
                 " download_bytes = download_bytes + ?7",
                 record.zone, record.day, node, record.uploads, record.upload_bytes, record.downloads,
                 record.download_bytes));
  }
  return work.commit();
}

Result<std::vector<UsageRecord>> UsageLedger::usage(const ZoneName& zone, const std::string& first_day,
                                                    const std::string& last_day) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  KACHERY_TRY(row, work.query("SELECT day, node, uploads, upload_bytes, downloads, download_bytes FROM usage"
                              " WHERE zone = ?1 AND day >= ?2 AND day <= ?3 ORDER BY day, node",
                              id, first_day, last_day));
  std::vector<UsageRecord> usage;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return usage;
    const bool is_known = !row.bytes(1).empty();
    usage.push_back({row.text(0), zone, is_known ? std::optional(row.node(1)) : std::nullopt, row.count(2),
                     row.count(3), row.count(4), row.count(5)});
  }
}

}  // namespace kachery::hub
