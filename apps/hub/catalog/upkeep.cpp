#include "hub/catalog/upkeep.h"

#include "hub/catalog/object_rows.h"

namespace kachery::hub {
namespace {

struct Expired {
  RowId upload;
  RowId zone;
  RowId user;
  std::int64_t reserved;  // Bytes; none of one that is not open.
  bool is_open;
};

Result<std::vector<Expired>> find_expired(Work& work, std::int64_t now_ms, std::size_t count_max) {
  KACHERY_TRY(row, work.query("SELECT id, zone, user, size, state = 0 FROM uploads WHERE expires_ms <= ?1"
                              " ORDER BY expires_ms LIMIT ?2",
                              now_ms, count_max));
  std::vector<Expired> expired;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return expired;
    expired.push_back({row.number(0), row.number(1), row.number(2), row.number(3), row.flag(4)});
  }
}

struct ClaimRow {
  RowId id;
  RowId file;
};

Result<std::optional<ClaimRow>> find_claim(Work& work, RowId zone, const ClaimRecord& claim) {
  KACHERY_TRY(row, work.query("SELECT c.id, c.file FROM claims c JOIN files f ON f.id = c.file"
                              " JOIN objects o ON o.id = c.object"
                              " WHERE f.zone = ?1 AND f.digest = ?2 AND o.sha256 = ?3 AND c.size = ?4",
                              zone, claim.digest, claim.manifest, claim.size));
  KACHERY_TRY(found, row.step());
  if (!found) return std::nullopt;
  return ClaimRow{row.number(0), row.number(1)};
}

// It is right: so those of another size are not.
Result<> settle_right(Work& work, RowId zone, RowId claim) {
  KACHERY_TRY(work.run("UPDATE claims SET checked = 1 WHERE id = ?1", claim));
  KACHERY_TRY(
      work.run("UPDATE files SET size = (SELECT size FROM claims WHERE id = ?1)"
               " WHERE id = (SELECT file FROM claims WHERE id = ?1)",
               claim));
  for (;;) {
    KACHERY_TRY(other,
                work.number("SELECT o.id FROM claims c JOIN claims o ON o.file = c.file AND o.size <> c.size"
                            " WHERE c.id = ?1 LIMIT 1",
                            claim));
    if (!other) return {};
    KACHERY_TRY(drop_false_claim(work, zone, *other));
  }
}

// Rows for those that have none. How many.
Result<std::size_t> note_unknown(Connection& connection, const ZoneName& zone,
                                 std::span<const ObjectName> names) {
  KACHERY_TRY(work, Work::take(connection));
  KACHERY_TRY(id, zone_id(work, zone));
  std::size_t unknown = 0;
  for (const ObjectName& name : names) {
    KACHERY_TRY(object, find_object(work, id, name));
    if (object) continue;
    KACHERY_TRY(find_or_make_object(work, id, name));
    ++unknown;
  }
  KACHERY_TRY(work.commit());
  return unknown;
}

}  // namespace

Result<std::vector<ClaimRecord>> Upkeep::unchecked(std::size_t count_max, std::int64_t after) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, work.query("SELECT c.id, z.name, f.digest, c.size, o.sha256, n.key FROM claims c"
                              " JOIN files f ON f.id = c.file JOIN zones z ON z.id = f.zone"
                              " JOIN objects o ON o.id = c.object JOIN nodes n ON n.id = c.node"
                              " WHERE c.checked = 0 AND c.id > ?2 AND NOT EXISTS(SELECT 1 FROM parts p"
                              "  JOIN objects q ON q.id = p.object WHERE p.claim = c.id AND q.state <> 1)"
                              " ORDER BY c.id LIMIT ?1",
                              count_max, after));
  std::vector<ClaimRecord> claims;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return claims;
    claims.push_back({row.number(0), row.zone(1), row.digest(2), row.count(3), row.digest(4), row.node(5)});
  }
}

Result<std::vector<ChunkEntry>> Upkeep::claim_chunks(const ClaimRecord& claim) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(zone, zone_id(work, claim.zone));
  KACHERY_TRY(known, find_claim(work, zone, claim));
  if (!known) return fail(Code::not_found, "this claim of the file " + claim.digest.hex() + " is gone");
  KACHERY_TRY(row, work.query("SELECT o.sha256, o.size FROM parts p JOIN objects o ON o.id = p.object"
                              " WHERE p.claim = ?1 AND NOT p.page ORDER BY p.position",
                              known->id));
  std::vector<ChunkEntry> chunks;
  for (;;) {
    KACHERY_TRY(found, row.step());
    if (!found) return chunks;
    chunks.push_back({row.digest(0), row.count(1)});
  }
}

Result<> Upkeep::settle(const ClaimRecord& claim, bool right) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(zone, zone_id(work, claim.zone));
  KACHERY_TRY(known, find_claim(work, zone, claim));
  if (!known) return {};  // Removed meanwhile.
  KACHERY_TRY(right ? settle_right(work, zone, known->id) : drop_false_claim(work, zone, known->id));
  KACHERY_TRY(drop_file_without_grants(work, known->file));
  return work.commit();
}

Result<std::size_t> Upkeep::expire_uploads(std::int64_t now_ms, std::size_t count_max) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(work.run("DELETE FROM pending WHERE expires_ms <= ?1", now_ms));
  KACHERY_TRY(work.run("DELETE FROM invitations WHERE expires_ms <= ?1", now_ms));
  KACHERY_TRY(expired, find_expired(work, now_ms, count_max));
  for (const Expired& upload : expired) {
    if (upload.is_open) KACHERY_TRY(give_back(work, upload.zone, upload.user, upload.reserved, 1));
    KACHERY_TRY(work.run("DELETE FROM uploads WHERE id = ?1", upload.upload));
  }
  KACHERY_TRY(work.commit());
  return expired.size();
}

Result<Garbage> Upkeep::collect(std::size_t count_max) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(
      work.run("UPDATE objects SET state = 2 WHERE id IN"
               " (SELECT id FROM objects WHERE refs = 0 ORDER BY id LIMIT ?1)",
               count_max));
  Garbage garbage;
  {
    KACHERY_TRY(row, work.query("SELECT z.name, o.sha256, o.file FROM objects o JOIN zones z ON z.id = o.zone"
                                " WHERE o.refs = 0 AND o.state = 2 ORDER BY o.id LIMIT ?1",
                                count_max));
    for (;;) {
      KACHERY_TRY(found, row.step());
      if (!found) break;
      if (row.bytes(2).empty()) {
        garbage.chunks.emplace_back(row.zone(0), row.digest(1));
      } else {
        garbage.manifests.push_back({row.zone(0), row.digest(2), row.digest(1)});
      }
    }
  }
  if (garbage.chunks.empty() && garbage.manifests.empty()) return garbage;
  KACHERY_TRY(work.run("UPDATE collections SET count = count + 1"));
  KACHERY_TRY(work.commit());
  return garbage;
}

Result<> Upkeep::collected(const Garbage& garbage) {
  KACHERY_TRY(work, Work::take(connection_));
  constexpr std::string_view kForget =
      "DELETE FROM objects WHERE zone = (SELECT id FROM zones WHERE name = ?1) AND sha256 = ?2"
      " AND file = coalesce(?3, x'') AND state = 2";
  for (const auto& [zone, chunk] : garbage.chunks) KACHERY_TRY(work.run(kForget, zone, chunk, ByteView()));
  for (const auto& [zone, file, manifest] : garbage.manifests)
    KACHERY_TRY(work.run(kForget, zone, manifest, file));
  return work.commit();
}

Result<std::size_t> Upkeep::note_found(const ZoneName& zone, std::span<const Digest> chunks) {
  std::vector<ObjectName> names;
  names.reserve(chunks.size());
  for (const Digest& chunk : chunks) names.push_back({chunk});
  return note_unknown(connection_, zone, names);
}

Result<std::size_t> Upkeep::note_found(const ZoneName& zone,
                                       std::span<const std::pair<Digest, Digest>> manifests) {
  std::vector<ObjectName> names;
  names.reserve(manifests.size());
  for (const auto& [file, manifest] : manifests) names.push_back({manifest, file});
  return note_unknown(connection_, zone, names);
}

Result<> Upkeep::note_lost(const ZoneName& zone, const Digest& sha256, const std::optional<Digest>& file) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(id, zone_id(work, zone));
  KACHERY_TRY(object, find_object(work, id, {sha256, file}));
  // What is doomed is gone for another reason.
  if (!object || object->state != ObjectState::here) return {};
  KACHERY_TRY(work.run("UPDATE objects SET state = 0 WHERE id = ?1", object->id));
  return work.commit();
}

}  // namespace kachery::hub
