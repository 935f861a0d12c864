#include "hub/catalog/resources.h"

namespace kachery::hub {
namespace {

// A laboratory has a few; so nobody fills the catalog.
constexpr std::int64_t kResourcesMax = 1'000;

Result<std::vector<ResourceRecord>> read(Work& work, RowId zone, const std::optional<ResourceName>& name) {
  KACHERY_TRY(row,
              work.query("SELECT z.name, r.name, n.key, u.name, r.proxy_url, r.older, r.created_ms"
                         " FROM resources r JOIN zones z ON z.id = r.zone JOIN nodes n ON n.id = r.node"
                         " JOIN users u ON u.id = n.user WHERE r.zone = ?1 AND (?2 IS NULL OR r.name = ?2)"
                         " ORDER BY r.name",
                         zone, name));
  std::vector<ResourceRecord> resources;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return resources;
    resources.push_back({.id = {row.zone(0), row.resource(1)},
                         .node = row.node(2),
                         .user = row.user(3),
                         .proxy_url = row.is_null(4) ? std::nullopt : std::optional(row.text(4)),
                         .older = row.flag(5),
                         .created_ms = row.number(6)});
  }
}

}  // namespace

Result<ResourceRecord> Resources::register_resource(const ResourceId& id, const NodeId& node,
                                                    const ResourceChoices& choices, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(zone, zone_id(work, id.zone));
  KACHERY_TRY(owner, node_id(work, node));
  KACHERY_TRY(known, read(work, zone, id.name));
  if (!known.empty() && known.front().node != node)
    return fail(Code::exists, id.str() + " belongs to another node, " + known.front().node.hex() +
                                  " of the user " + known.front().user.str() +
                                  ": take another name, or have that one removed (kachery resource remove)");
  if (known.empty()) {
    KACHERY_TRY(count, work.number("SELECT count(*) FROM resources r JOIN nodes n ON n.id = r.node"
                                   " WHERE r.zone = ?1 AND n.user = (SELECT user FROM nodes WHERE id = ?2)",
                                   zone, owner));
    if (count.value_or(0) >= kResourcesMax)
      return fail(Code::exhausted, "a user may have " + std::to_string(kResourcesMax) +
                                       " resources in a zone: remove some that are not used");
  }
  KACHERY_TRY(
      work.run("INSERT INTO resources VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
               " ON CONFLICT DO UPDATE SET proxy_url = ?4, older = ?5",
               zone, id.name, owner, choices.proxy_url, choices.older, now_ms));
  KACHERY_TRY(registered, read(work, zone, id.name));
  KACHERY_ASSERT(registered.size() == 1);
  KACHERY_TRY(work.commit());
  return registered.front();
}

Result<std::vector<ResourceRecord>> Resources::list(const ZoneName& zone,
                                                    const std::optional<ResourceName>& name) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  return read(work, id, name);
}

Result<> Resources::remove(const ResourceId& id) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(zone, zone_id(work, id.zone));
  KACHERY_TRY(work.run("DELETE FROM resources WHERE zone = ?1 AND name = ?2", zone, id.name));
  KACHERY_TRY(removed, work.changes());
  if (removed == 0)
    return fail(Code::not_found, "there is no resource " + id.name.str() + " in the zone " + id.zone.str());
  return work.commit();
}

}  // namespace kachery::hub
