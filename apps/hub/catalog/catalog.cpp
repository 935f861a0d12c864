#include "hub/catalog/catalog.h"

#include "hub/catalog/schema.h"

namespace kachery::hub {
namespace {

// Makes the tables in an empty database, or those that an older catalog lacks, in one transaction; leaves
// others alone.
Result<> prepare_tables(Database& database, const std::filesystem::path& path) {
  KACHERY_TRY(transaction, Transaction::begin(database));
  KACHERY_TRY(ask, database.prepare("SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM "
                                    "pragma_user_version"));
  KACHERY_TRY(found, ask.step());
  KACHERY_ASSERT(found);
  const std::int64_t version = ask.column_int(0);
  const bool is_empty = ask.column_int(1) == 0;
  ask.reset();
  if (version == kSchemaVersion) return {};
  if (version < 0 || version > kSchemaVersion)
    return fail(Code::invalid, "the catalog " + path.native() + " has version " + std::to_string(version) +
                                   ", and this program knows " + std::to_string(kSchemaVersion) +
                                   ": a newer kachery made it; use that one");
  if (version == 0 && !is_empty)
    return fail(Code::invalid, "the database " + path.native() + " is no catalog of a hub");
  for (auto step = static_cast<std::size_t>(version); step < kSchemaSteps.size(); ++step)
    KACHERY_TRY(database.run(kSchemaSteps.at(step)));
  KACHERY_TRY(database.run(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str()));
  return transaction.commit();
}

// By the numbers of their rows.
using ChannelsById = std::map<RowId, ChannelFacts*>;

Result<> read_members(Work& work, const ChannelsById& channels) {
  KACHERY_TRY(members, work.query("SELECT m.channel, n.key, m.granted, m.wanted FROM members m"
                                  " JOIN nodes n ON n.id = m.node"));
  for (;;) {
    KACHERY_TRY(found, members.step());
    if (!found) break;
    channels.at(members.number(0))
        ->members.emplace(members.node(1), MemberFacts{members.roles(2), members.roles(3)});
  }
  KACHERY_TRY(entered, work.query("SELECT e.channel, n.key, e.roles FROM entered e"
                                  " JOIN nodes n ON n.id = e.node"));
  for (;;) {
    KACHERY_TRY(found, entered.step());
    if (!found) return {};
    Roles& granted = channels.at(entered.number(0))->members.at(entered.node(1)).granted;
    granted = granted | entered.roles(2);
  }
}

Result<> read_channels(Work& work, Facts& facts) {
  ChannelsById by_id;
  {
    KACHERY_TRY(row, work.query("SELECT c.id, z.name, c.name, u.name FROM channels c"
                                " JOIN zones z ON z.id = c.zone JOIN users u ON u.id = c.owner"));
    for (;;) {
      KACHERY_TRY(found, row.step());
      if (!found) break;
      auto& channels = facts.zones.at(row.zone(1)).channels;
      by_id[row.number(0)] = &channels.emplace(row.channel(2), ChannelFacts{row.user(3)}).first->second;
    }
  }
  return read_members(work, by_id);
}

}  // namespace

Catalog::Catalog(Database database) : connection_{.mutex = {}, .database = std::move(database)} {}

Result<std::unique_ptr<Catalog>> Catalog::open(const std::filesystem::path& path) {
  KACHERY_TRY(database, Database::open(path, Durability::full));
  KACHERY_TRY(prepare_tables(database, path));
  KACHERY_TRY(database.run("PRAGMA cache_size = -32768"));  // KiB
  return std::unique_ptr<Catalog>(new Catalog(std::move(database)));
}

Result<Facts> Catalog::facts() {
  KACHERY_TRY(work, Work::take(connection_));
  Facts facts;
  KACHERY_TRY(nodes, work.query("SELECT n.key, u.name, n.label, n.revoked_ms, u.disabled FROM nodes n"
                                " JOIN users u ON u.id = n.user ORDER BY n.key"));
  for (;;) {
    KACHERY_TRY(found, nodes.step());
    if (!found) break;
    facts.nodes.emplace_hint(facts.nodes.end(), nodes.node(0),
                             NodeFacts{nodes.user(1), nodes.text(2), !nodes.is_null(3), nodes.flag(4)});
  }
  std::map<RowId, ZoneFacts*> by_id;
  KACHERY_TRY(zones, work.query("SELECT z.id, z.name, u.name, z.public_upload, z.public_download FROM zones z"
                                " JOIN users u ON u.id = z.owner"));
  for (;;) {
    KACHERY_TRY(found, zones.step());
    if (!found) break;
    const ZoneFacts zone{zones.user(2), {zones.flag(3), zones.flag(4), {}}, {}};
    by_id[zones.number(0)] = &facts.zones.emplace(zones.zone(1), zone).first->second;
  }
  KACHERY_TRY(rights, work.query("SELECT zone, user, upload, download, admin FROM rights"));
  for (;;) {
    KACHERY_TRY(found, rights.step());
    if (!found) break;
    by_id.at(rights.number(0))
        ->settings.users.emplace(rights.user(1), UserRights{rights.flag(2), rights.flag(3), rights.flag(4)});
  }
  KACHERY_TRY(
      resources,
      work.query("SELECT z.name, r.name, n.key, r.older FROM resources r JOIN zones z ON z.id = r.zone"
                 " JOIN nodes n ON n.id = r.node"));
  for (;;) {
    KACHERY_TRY(found, resources.step());
    if (!found) break;
    facts.resources.emplace(ResourceId{resources.zone(0), resources.resource(1)},
                            ResourceFacts{resources.node(2), resources.flag(3)});
  }
  KACHERY_TRY(read_channels(work, facts));
  return facts;
}

}  // namespace kachery::hub
