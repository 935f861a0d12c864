#include "hub/catalog/object_rows.h"

namespace kachery::hub {

Result<std::optional<ObjectRow>> find_object(Work& work, RowId zone, const ObjectName& name) {
  const ByteView file = name.file ? name.file->bytes() : ByteView();
  KACHERY_TRY(row, work.query("SELECT id, state, coalesce(size, 0) FROM objects"
                              " WHERE zone = ?1 AND sha256 = ?2 AND file = coalesce(?3, x'')",
                              zone, name.sha256, file));
  KACHERY_TRY(found, row.step());
  if (!found) return std::nullopt;
  return ObjectRow{row.number(0), static_cast<ObjectState>(row.number(1)), row.count(2)};
}

Result<RowId> find_or_make_object(Work& work, RowId zone, const ObjectName& name) {
  KACHERY_TRY(known, find_object(work, zone, name));
  if (known) return known->id;
  const ByteView file = name.file ? name.file->bytes() : ByteView();
  KACHERY_TRY(work.run("INSERT INTO objects(zone, sha256, file, state) VALUES(?1, ?2, coalesce(?3, x''), 0)",
                       zone, name.sha256, file));
  return work.inserted();
}

Result<> object_is_here(Work& work, RowId object, const SentChunk& chunk) {
  return work.run("UPDATE objects SET state = 1, size = ?2, sha1 = ?3 WHERE id = ?1", object, chunk.size,
                  chunk.sha1);
}

Error being_deleted(const Digest& sha256) {
  return {Code::unavailable,
          "chunk " + sha256.hex() + " is being deleted at this moment, because nobody used it; try again"};
}

Result<UploaderRow> find_uploader(Work& work, const Uploader& uploader) {
  KACHERY_TRY(zone, zone_id(work, uploader.zone));
  KACHERY_TRY(user, user_id(work, uploader.user));
  KACHERY_TRY(node, node_id(work, uploader.node));
  if (uploader.channel) {
    const ChannelName& channel = *uploader.channel;
    KACHERY_TRY(is_there, work.test("SELECT 1 FROM channels WHERE zone = ?1 AND name = ?2", zone, channel));
    if (!is_there)
      return fail(Code::not_found, "there is no channel " + channel.str() + " in the zone " +
                                       uploader.zone.str() + " any more");
  }
  return UploaderRow{{zone, user, node, grant_kind(uploader.channel)}, grant_kinds(uploader.reads)};
}

Result<bool> may_know(Work& work, const UploaderRow& uploader, RowId file) {
  return work.test(
      "SELECT EXISTS(SELECT 1 FROM grants WHERE file = ?1"
      " AND (user = ?2 OR kind IN (SELECT value FROM json_each(?3))))",
      file, uploader.owner.user, uploader.reads);
}

Result<bool> could_have(Work& work, const UploaderRow& uploader, RowId object) {
  const Owner& owner = uploader.owner;
  return work.test(
      "SELECT EXISTS(SELECT 1 FROM leases l JOIN uploads u ON u.id = l.upload"
      "  WHERE l.object = ?1 AND l.proven AND u.node = ?2)"
      " OR EXISTS(SELECT 1 FROM files f JOIN grants g ON g.file = f.id"
      "  WHERE f.object = ?1 AND (g.user = ?3 OR g.kind IN (SELECT value FROM json_each(?4))))"
      " OR EXISTS(SELECT 1 FROM parts p JOIN claims c ON c.id = p.claim JOIN grants g ON g.file = c.file"
      "  WHERE p.object = ?1 AND ((g.user = ?3 AND c.user = ?3)"
      "  OR g.kind IN (SELECT value FROM json_each(?4))))",
      object, owner.node, owner.user, uploader.reads);
}

Result<UploadRow> find_upload(Work& work, const UploaderRow& uploader, const std::string& name) {
  KACHERY_TRY(
      row,
      work.query("SELECT u.id, u.digest, u.size, u.object, o.sha256, o.file <> x'', u.announced,"
                 " u.state FROM uploads u JOIN objects o ON o.id = u.object"
                 " WHERE u.name = ?1 AND u.zone = ?2 AND u.node = ?3 AND u.user = ?4 AND u.kind = ?5",
                 name, uploader.owner.zone, uploader.owner.node, uploader.owner.user, uploader.owner.kind));
  KACHERY_TRY(found, row.step());
  if (!found) return fail(Code::not_found, "there is no such upload; it may have expired: begin it again");
  return UploadRow{row.number(0), row.digest(1), row.count(2), row.number(3),
                   row.digest(4), row.flag(5),   row.count(6), static_cast<UploadRowState>(row.number(7))};
}

}  // namespace kachery::hub
