#include "hub/catalog/uploads.h"

#include "hub/catalog/object_rows.h"
#include "os/random.h"

namespace kachery::hub {
namespace {

// Longer by far than any URL that was signed for it, so no chunk is deleted while somebody may send it.
constexpr std::int64_t kLeaseMs = 3'600'000;

// What an upload may announce besides the file's bytes: the pages of its manifest.
ByteCount announced_max(ByteCount size) {
  return size + size / 16 + (1 << 20);
}

UploadState refused(Error error) {
  return {.what = UploadState::What::refused, .refusal = std::move(error)};
}

std::optional<Error> fault_of(const UploadRequest& request) {
  if (request.manifest) return std::nullopt;
  if (request.chunks.size() == 1 && request.chunks[0].size == request.size) return std::nullopt;
  return Error{Code::invalid, "a file without a manifest is one chunk, of the file's size"};
}

ObjectName object_name(const UploadRequest& request) {
  if (request.manifest) return {*request.manifest, request.digest};
  return {request.chunks[0].sha256};
}

// Where a chunk of an upload stands before it is leased.
struct Wanted {
  RowId object = 0;  // 0: unknown so far.
  bool is_leased = false;
  bool here = false;  // And need not be sent.
};

class Leasing {
 public:
  // `upload` is 0 where it is yet to be made.
  Leasing(Work& work, const UploaderRow& uploader, RowId upload)
      : work_(work), uploader_(uploader), upload_(upload) {}

  // Looks at all chunks and changes nothing. Why they cannot be leased, if they cannot.
  Result<std::optional<Error>> look(std::span<const ChunkEntry> chunks) {
    for (const ChunkEntry& chunk : chunks) {
      Wanted wanted;
      KACHERY_TRY(object, find_object(work_, uploader_.owner.zone, {chunk.sha256}));
      if (object && object->state == ObjectState::doomed) return being_deleted(chunk.sha256);
      if (object) {
        wanted.object = object->id;
        KACHERY_TRY(is_leased,
                    work_.test("SELECT 1 FROM leases WHERE upload = ?1 AND object = ?2 AND size = ?3",
                               upload_, object->id, chunk.size));
        wanted.is_leased = is_leased;
        if (object->state == ObjectState::here && object->size == chunk.size) {
          KACHERY_TRY(could, could_have(work_, uploader_, object->id));
          wanted.here = could;
        }
      }
      if (!wanted.is_leased) announced_ += chunk.size;
      wanted_.push_back(wanted);
    }
    return std::nullopt;
  }

  ByteCount announced() const { return announced_; }

  // What look() saw. For each chunk, whether it need not be sent.
  Result<std::vector<bool>> lease(RowId upload, std::span<const ChunkEntry> chunks) {
    std::vector<bool> here;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      Wanted& wanted = wanted_[i];
      if (wanted.object == 0) {
        KACHERY_TRY(made, find_or_make_object(work_, uploader_.owner.zone, {chunks[i].sha256}));
        wanted.object = made;
      }
      KACHERY_TRY(
          work_.run("INSERT INTO leases VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
                    " size = ?3, proven = max(proven, ?4)",
                    upload, wanted.object, chunks[i].size, wanted.here));
      here.push_back(wanted.here);
    }
    return here;
  }

 private:
  Work& work_;
  const UploaderRow& uploader_;
  RowId upload_;
  std::vector<Wanted> wanted_ = {};
  ByteCount announced_ = 0;  // Anew.
};

struct Begun {
  Work& work;
  UploaderRow uploader;
  Account account;
  std::int64_t now_ms;
};

// Whether all the bytes of a file lie in the bucket: its chunk; or a manifest, this one if it must be, and
// all that it lists.
Result<bool> is_all_here(Work& work, const FileRow& file, const std::optional<Digest>& manifest) {
  if (file.object != 0)
    return work.test("SELECT EXISTS(SELECT 1 FROM objects WHERE id = ?1 AND state = 1)", file.object);
  return work.test(
      "SELECT EXISTS(SELECT 1 FROM claims c JOIN objects o ON o.id = c.object"
      " WHERE c.file = ?1 AND o.state = 1 AND o.sha256 = coalesce(?2, o.sha256)"
      " AND NOT EXISTS(SELECT 1 FROM parts p JOIN objects q ON q.id = p.object"
      "  WHERE p.claim = c.id AND q.state <> 1))",
      file.id, manifest);
}

// What is known already of a file, as far as the uploader may know of it. Nothing: it is to be sent.
Result<std::optional<UploadState>> already(Begun& begun, const UploadRequest& request) {
  const Owner& owner = begun.uploader.owner;
  KACHERY_TRY(file, find_file(begun.work, owner.zone, request.digest));
  if (!file) return std::nullopt;
  KACHERY_TRY(is_own, has_grant(begun.work, file->id, owner));
  KACHERY_TRY(is_known, may_know(begun.work, begun.uploader, file->id));
  if (!is_known) return std::nullopt;
  if (file->checked && file->size != request.size)
    return refused({Code::corrupt, "the file " + request.digest.hex() + " is here, with " +
                                       std::to_string(file->size) +
                                       " bytes: another size cannot have the same hash"});
  if (!file->checked) {
    // A claim of somebody else may be false: only the very same manifest makes ours unnecessary.
    if (!request.manifest) return std::nullopt;
    KACHERY_TRY(is_claimed,
                begun.work.test("SELECT EXISTS(SELECT 1 FROM claims c JOIN objects o ON o.id = c.object"
                                " WHERE c.file = ?1 AND o.sha256 = ?2 AND c.size = ?3)",
                                file->id, *request.manifest, request.size));
    if (!is_claimed) return std::nullopt;
  }
  // What was lost comes again.
  KACHERY_TRY(is_here, is_all_here(begun.work, *file, file->checked ? std::nullopt : request.manifest));
  if (!is_here) return std::nullopt;
  if (!is_own) {
    if (auto denial = begun.account.take(request.size)) return refused(*std::move(denial));
    KACHERY_TRY(grant(begun.work, begun.account, file->id, owner, request.size, Adds::nothing, begun.now_ms));
  }
  return UploadState{.what = UploadState::What::present};
}

struct OpenUpload {
  RowId id = 0;
  std::string name = {};
  ByteCount announced = 0;
};

Result<OpenUpload> find_open(Begun& begun, const UploadRequest& request, RowId object) {
  const Owner& owner = begun.uploader.owner;
  KACHERY_TRY(row, begun.work.query(
                       "SELECT id, name, announced FROM uploads WHERE zone = ?1 AND node = ?2"
                       " AND digest = ?3 AND size = ?4 AND object = ?5 AND user = ?6 AND kind = ?7"
                       " AND state = 0",
                       owner.zone, owner.node, request.digest, request.size, object, owner.user, owner.kind));
  KACHERY_TRY(found, row.step());
  if (!found) return OpenUpload{};
  return OpenUpload{row.number(0), row.text(1), row.count(2)};
}

Result<OpenUpload> make_upload(Begun& begun, const UploadRequest& request, ByteCount announced) {
  const Owner& owner = begun.uploader.owner;
  KACHERY_TRY(object, find_or_make_object(begun.work, owner.zone, object_name(request)));
  OpenUpload upload{.name = random_hex(16)};
  KACHERY_TRY(
      begun.work.run("INSERT INTO uploads(name, zone, user, node, digest, size, object, announced,"
                     " expires_ms, kind) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                     upload.name, owner.zone, owner.user, owner.node, request.digest, request.size, object,
                     announced, begun.now_ms + kLeaseMs, owner.kind));
  KACHERY_TRY(id, begun.work.inserted());
  upload.id = id;
  return upload;
}

Result<> prolong(Work& work, RowId upload, ByteCount announced, std::int64_t now_ms) {
  return work.run(
      "UPDATE uploads SET announced = announced + ?2, expires_ms = max(expires_ms, ?3) WHERE id = ?1", upload,
      announced, now_ms + kLeaseMs);
}

std::optional<Error> fault_of_announced(ByteCount size, ByteCount announced) {
  if (announced <= announced_max(size)) return std::nullopt;
  return Error{Code::invalid, "an upload of " + std::to_string(size) + " bytes cannot have chunks of " +
                                  std::to_string(announced) + " bytes"};
}

Result<UploadState> begin_one(Begun& begun, const UploadRequest& request) {
  if (auto fault = fault_of(request)) return refused(*std::move(fault));
  KACHERY_TRY(known, already(begun, request));
  if (known) return *std::move(known);

  KACHERY_TRY(object, find_object(begun.work, begun.uploader.owner.zone, object_name(request)));
  if (object && object->state == ObjectState::doomed)
    return refused(being_deleted(object_name(request).sha256));
  OpenUpload upload;
  if (object) {
    KACHERY_TRY(open, find_open(begun, request, object->id));
    upload = std::move(open);
  }
  Leasing leasing(begun.work, begun.uploader, upload.id);
  KACHERY_TRY(obstacle, leasing.look(request.chunks));
  if (obstacle) return refused(*std::move(obstacle));
  if (auto fault = fault_of_announced(request.size, upload.announced + leasing.announced()))
    return refused(*std::move(fault));
  if (upload.id == 0) {
    if (auto denial = begun.account.take(request.size)) return refused(*std::move(denial));
    KACHERY_TRY(made, make_upload(begun, request, leasing.announced()));
    upload = std::move(made);
  } else {
    KACHERY_TRY(prolong(begun.work, upload.id, leasing.announced(), begun.now_ms));
  }
  KACHERY_TRY(here, leasing.lease(upload.id, request.chunks));
  return UploadState{.what = UploadState::What::open, .id = upload.name, .here = std::move(here)};
}

}  // namespace

Result<std::vector<bool>> Uploads::present(const Uploader& uploader, std::span<const SizedDigest> files,
                                           std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, find_uploader(work, uploader));
  KACHERY_TRY(account, Account::open(work, row.owner.zone, row.owner.user));
  Begun begun{work, row, std::move(account), now_ms};
  std::vector<bool> present;
  present.reserve(files.size());
  for (const SizedDigest& file : files) {
    KACHERY_TRY(known, already(begun, {file.digest, file.size, std::nullopt, {}}));
    present.push_back(known && known->what == UploadState::What::present);
  }
  KACHERY_TRY(begun.account.save(work));
  KACHERY_TRY(work.commit());
  return present;
}

Result<std::vector<UploadState>> Uploads::begin(const Uploader& uploader,
                                                std::span<const UploadRequest> files, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, find_uploader(work, uploader));
  KACHERY_TRY(account, Account::open(work, row.owner.zone, row.owner.user));
  Begun begun{work, row, std::move(account), now_ms};
  std::vector<UploadState> states;
  states.reserve(files.size());
  for (const UploadRequest& file : files) {
    KACHERY_TRY(state, begin_one(begun, file));
    states.push_back(std::move(state));
  }
  KACHERY_TRY(begun.account.save(work));
  KACHERY_TRY(work.commit());
  return states;
}

Result<std::vector<bool>> Uploads::expect_chunks(const Uploader& uploader, const std::string& upload,
                                                 std::span<const ChunkEntry> chunks, std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, find_uploader(work, uploader));
  KACHERY_TRY(open, find_upload(work, row, upload));
  if (open.state != UploadRowState::open)
    return fail(Code::not_found, "this upload was committed or abandoned; begin it again");
  Leasing leasing(work, row, open.id);
  KACHERY_TRY(obstacle, leasing.look(chunks));
  if (obstacle) return std::unexpected(*std::move(obstacle));
  if (auto fault = fault_of_announced(open.size, open.announced + leasing.announced()))
    return std::unexpected(*std::move(fault));
  KACHERY_TRY(here, leasing.lease(open.id, chunks));
  KACHERY_TRY(prolong(work, open.id, leasing.announced(), now_ms));
  KACHERY_TRY(work.commit());
  return here;
}

Result<> Uploads::note_sent(const std::string& upload, const SentChunk& chunk) {
  KACHERY_TRY(work, Work::take(connection_));
  RowId id = 0;
  RowId object = 0;
  {
    KACHERY_TRY(row,
                work.query("SELECT u.id, l.object, l.size FROM uploads u JOIN leases l ON l.upload = u.id"
                           " JOIN objects o ON o.id = l.object"
                           " WHERE u.name = ?1 AND o.sha256 = ?2 AND o.file = x''",
                           upload, chunk.sha256));
    KACHERY_TRY(found, row.step());
    if (!found)
      return fail(Code::not_found, "no upload that goes on expects the chunk " + chunk.sha256.hex() +
                                       "; it may have expired: begin it again");
    if (row.count(2) != chunk.size)
      return fail(Code::corrupt, "the chunk " + chunk.sha256.hex() + " has " + std::to_string(chunk.size) +
                                     " bytes, not the " + std::to_string(row.count(2)) +
                                     " that were said when the upload began");
    id = row.number(0);
    object = row.number(1);
  }
  KACHERY_TRY(object_is_here(work, object, chunk));
  KACHERY_TRY(work.run("UPDATE leases SET proven = 1 WHERE upload = ?1 AND object = ?2", id, object));
  return work.commit();
}

Result<> Uploads::abandon(const Uploader& uploader, std::span<const std::string> uploads) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, find_uploader(work, uploader));
  KACHERY_TRY(account, Account::open(work, row.owner.zone, row.owner.user));
  for (const std::string& name : uploads) {
    const Result<UploadRow> upload = find_upload(work, row, name);
    if (!upload && upload.error().code == Code::not_found) continue;
    if (!upload) return std::unexpected(upload.error());
    if (upload->state != UploadRowState::open) continue;
    account.give_back(upload->size, 1);
    KACHERY_TRY(work.run("UPDATE uploads SET state = 2 WHERE id = ?1", upload->id));
  }
  KACHERY_TRY(account.save(work));
  return work.commit();
}

Result<UploadRequest> Uploads::upload(const Uploader& uploader, const std::string& upload) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, find_uploader(work, uploader));
  KACHERY_TRY(found, find_upload(work, row, upload));
  UploadRequest request{found.digest, found.size, std::nullopt, {}};
  if (found.has_manifest) request.manifest = found.object_sha256;
  KACHERY_TRY(leased, work.query("SELECT o.sha256, l.size FROM leases l JOIN objects o ON o.id = l.object"
                                 " WHERE l.upload = ?1 ORDER BY l.object",
                                 found.id));
  for (;;) {
    KACHERY_TRY(is_there, leased.step());
    if (!is_there) return request;
    request.chunks.push_back({leased.digest(0), leased.count(1)});
  }
}

}  // namespace kachery::hub
