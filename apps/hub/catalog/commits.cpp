// Uploads::commit and add_small: from what was sent to the visible file.
#include "crypto/hasher.h"
#include "hub/catalog/object_rows.h"
#include "hub/catalog/uploads.h"

namespace kachery::hub {
namespace {

CommitState refused(Code code, std::string message) {
  return {CommitState::What::refused, Error{code, std::move(message)}};
}

CommitState taken(bool was_there) {
  return {was_there ? CommitState::What::present : CommitState::What::stored};
}

CommitState refused_for_other_content(const Digest& digest) {
  return refused(Code::corrupt,
                 "the file " + digest.hex() +
                     " is here with other content of the same hash, and stays; two contents with "
                     "one hash cannot both be kept");
}

// One call that makes files visible.
struct Committing {
  Work& work;
  UploaderRow uploader;
  Account account;
  std::int64_t now_ms;
};

// The size of the file was taken from the account before.
struct Placed {
  Digest digest;
  ByteCount size;
  RowId object;
};

Result<CommitState> grant_existing(Committing& commit, const FileRow& file, ByteCount size) {
  const Owner& owner = commit.uploader.owner;
  KACHERY_TRY(is_known, may_know(commit.work, commit.uploader, file.id));
  KACHERY_TRY(grant(commit.work, commit.account, file.id, owner, size, Adds::nothing, commit.now_ms));
  // Who may not read learns nothing of what others have stored.
  return taken(is_known);
}

Result<RowId> make_file(Committing& commit, const Placed& placed, bool is_whole) {
  const Owner& owner = commit.uploader.owner;
  KACHERY_TRY(
      commit.work.run("INSERT INTO files(zone, digest, size, object) VALUES(?1, ?2, ?3, nullif(?4, 0))",
                      owner.zone, placed.digest, placed.size, is_whole ? placed.object : 0));
  return commit.work.inserted();
}

// The content is known now, so no claim is needed any more. Those of another size were false.
Result<> replace_claims(Committing& commit, const FileRow& file, const Placed& placed) {
  KACHERY_TRY(commit.work.run("UPDATE files SET object = ?2, size = ?3 WHERE id = ?1", file.id, placed.object,
                              placed.size));
  for (;;) {
    KACHERY_TRY(claim, commit.work.number("SELECT id FROM claims WHERE file = ?1 AND size <> ?2 LIMIT 1",
                                          file.id, placed.size));
    if (!claim) break;
    KACHERY_TRY(drop_false_claim(commit.work, commit.uploader.owner.zone, *claim));
  }
  return commit.work.run("DELETE FROM claims WHERE file = ?1", file.id);
}

// A file of one chunk, whose bytes have the file's hash.
Result<CommitState> place_whole(Committing& commit, const Placed& placed) {
  const Owner& owner = commit.uploader.owner;
  KACHERY_TRY(file, find_file(commit.work, owner.zone, placed.digest));
  if (!file) {
    KACHERY_TRY(made, make_file(commit, placed, true));
    KACHERY_TRY(grant(commit.work, commit.account, made, owner, placed.size, Adds::nothing, commit.now_ms));
    return taken(false);
  }
  const bool is_other_chunk = file->object != 0 && file->object != placed.object;
  if (is_other_chunk || (file->checked && file->size != placed.size))
    return refused_for_other_content(placed.digest);
  if (!file->checked) KACHERY_TRY(replace_claims(commit, *file, placed));
  return grant_existing(commit, *file, placed.size);
}

struct Part {
  RowId object;
  bool is_page;
};

Result<> add_claim(Committing& commit, RowId file, const Placed& placed, const std::vector<Part>& parts,
                   const std::optional<Signature>& signature) {
  const Owner& owner = commit.uploader.owner;
  std::optional<ByteView> signed_by;
  if (signature) signed_by = *signature;
  KACHERY_TRY(
      commit.work.run("INSERT INTO claims(file, object, size, user, node, signature, kind)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                      file, placed.object, placed.size, owner.user, owner.node, signed_by, owner.kind));
  KACHERY_TRY(claim, commit.work.inserted());
  for (std::size_t i = 0; i < parts.size(); ++i)
    KACHERY_TRY(commit.work.run("INSERT INTO parts VALUES(?1, ?2, ?3, ?4)", claim, i, parts[i].object,
                                parts[i].is_page));
  return grant(commit.work, commit.account, file, owner, placed.size, Adds::claim, commit.now_ms);
}

// A file whose manifest is claimed to be its own.
Result<CommitState> place_claim(Committing& commit, const Placed& placed, const std::vector<Part>& parts,
                                const std::optional<Signature>& signature) {
  const Owner& owner = commit.uploader.owner;
  KACHERY_TRY(file, find_file(commit.work, owner.zone, placed.digest));
  if (!file) {
    KACHERY_TRY(made, make_file(commit, placed, false));
    KACHERY_TRY(add_claim(commit, made, placed, parts, signature));
    return taken(false);
  }
  if (file->checked && file->size != placed.size) return refused_for_other_content(placed.digest);
  KACHERY_TRY(is_claimed,
              commit.work.test("SELECT EXISTS(SELECT 1 FROM claims WHERE file = ?1 AND object = ?2)",
                               file->id, placed.object));
  if (file->checked || is_claimed) return grant_existing(commit, *file, placed.size);
  KACHERY_TRY(add_claim(commit, file->id, placed, parts, signature));
  return taken(false);
}

struct ChunkRow {
  RowId object;
  ByteCount size;
  std::optional<Digest> sha1;
};

// A chunk that is there, and that the uploader has sent or could have. Else nothing.
Result<std::optional<ChunkRow>> proven_chunk(Committing& commit, RowId upload, const Digest& sha256) {
  std::optional<ChunkRow> chunk;
  bool is_proven = false;
  {
    KACHERY_TRY(row,
                commit.work.query("SELECT o.id, o.size, o.sha1, coalesce(l.proven, 0) FROM objects o"
                                  " LEFT JOIN leases l ON l.upload = ?3 AND l.object = o.id"
                                  " WHERE o.zone = ?1 AND o.sha256 = ?2 AND o.file = x'' AND o.state = 1",
                                  commit.uploader.owner.zone, sha256, upload));
    KACHERY_TRY(found, row.step());
    if (!found) return std::nullopt;
    chunk = ChunkRow{row.number(0), row.count(1), row.digest(2)};
    is_proven = row.flag(3);
  }
  if (!is_proven) {
    KACHERY_TRY(could, could_have(commit.work, commit.uploader, chunk->object));
    is_proven = could;
  }
  if (!is_proven) chunk.reset();
  return chunk;
}

CommitState refused_for_missing(const Digest& chunk) {
  return refused(Code::not_found, "chunk " + chunk.hex() + " was not sent; send it, then commit again");
}

bool is_content(const Digest& file, const Digest& sha256, const Digest& sha1) {
  return file == (file.algorithm() == Algorithm::sha1 ? sha1 : sha256);
}

CommitState refused_for_content(const Digest& digest) {
  return refused(Code::corrupt, "the content is not what its name " + digest.hex() +
                                    " says; it may have changed while it was read: store it again");
}

Result<CommitState> commit_whole(Committing& commit, const UploadRow& upload) {
  KACHERY_TRY(chunk, proven_chunk(commit, upload.id, upload.object_sha256));
  if (!chunk) return refused_for_missing(upload.object_sha256);
  if (chunk->size != upload.size || !is_content(upload.digest, upload.object_sha256, *chunk->sha1))
    return refused_for_content(upload.digest);
  return place_whole(commit, {upload.digest, upload.size, upload.object});
}

// What can be said of a commit by itself: whether the pages are those of the manifest.
struct Checked {
  std::optional<Digest> manifest;  // Its name.
  bool pages_fit = false;
};

bool is_page(const ManifestPage& page, const Manifest::Page& expected) {
  ByteCount size = 0;
  for (const ChunkEntry& chunk : page.chunks) size += chunk.size;
  return page.chunks.size() == expected.chunks && size == expected.size &&
         Hasher::of(Algorithm::sha256, as_bytes(page.str())) == expected.sha256;
}

Checked check(const Commit& commit) {
  if (!commit.manifest) return {};
  const std::vector<Manifest::Page>& pages = commit.manifest->pages;
  bool pages_fit = pages.size() == commit.pages.size();
  ByteCount size = 0;
  for (std::size_t i = 0; pages_fit && i < pages.size(); ++i) {
    pages_fit = is_page(commit.pages[i], pages[i]);
    size += pages[i].size;
  }
  return {Hasher::of(Algorithm::sha256, as_bytes(commit.manifest->str())),
          pages_fit && size == commit.manifest->size};
}

Result<CommitState> commit_list(Committing& commit, const UploadRow& upload, const Commit& what,
                                const Checked& checked) {
  if (!what.manifest || checked.manifest != upload.object_sha256 || what.manifest->file != upload.digest ||
      what.manifest->size != upload.size)
    return refused(Code::invalid, "this is not the manifest that the upload was begun with");
  if (!checked.pages_fit) return refused(Code::corrupt, "the pages are not those of the manifest");
  std::vector<Part> parts;
  for (std::size_t i = 0; i < what.pages.size(); ++i) {
    const Digest& name = what.manifest->pages[i].sha256;
    KACHERY_TRY(page, proven_chunk(commit, upload.id, name));
    if (!page) return refused_for_missing(name);
    parts.push_back({page->object, true});
    for (const ChunkEntry& entry : what.pages[i].chunks) {
      KACHERY_TRY(chunk, proven_chunk(commit, upload.id, entry.sha256));
      if (!chunk) return refused_for_missing(entry.sha256);
      if (chunk->size != entry.size)
        return refused(Code::corrupt, "chunk " + entry.sha256.hex() + " has " + std::to_string(chunk->size) +
                                          " bytes, not the " + std::to_string(entry.size) +
                                          " that the manifest says");
      parts.push_back({chunk->object, false});
    }
  }
  KACHERY_TRY(commit.work.run("UPDATE objects SET state = 1 WHERE id = ?1", upload.object));
  return place_claim(commit, {upload.digest, upload.size, upload.object}, parts, what.signature);
}

Result<CommitState> commit_one(Committing& commit, const Commit& what, const Checked& checked) {
  const Result<UploadRow> upload = find_upload(commit.work, commit.uploader, what.upload);
  if (!upload && upload.error().code != Code::not_found) return std::unexpected(upload.error());
  if (!upload) return CommitState{CommitState::What::refused, upload.error()};
  if (upload->state == UploadRowState::committed) return taken(false);
  if (upload->state == UploadRowState::abandoned)
    return refused(Code::not_found, "this upload was abandoned or refused; begin it again");

  KACHERY_TRY(state, upload->has_manifest ? commit_list(commit, *upload, what, checked)
                                          : commit_whole(commit, *upload));
  const bool is_refused = state.what == CommitState::What::refused;
  // What is only missing, or was said wrongly, may still come.
  if (is_refused && state.refusal->code != Code::corrupt) return state;
  if (is_refused) commit.account.give_back(upload->size, 1);
  KACHERY_TRY(
      commit.work.run("UPDATE uploads SET state = ?2 WHERE id = ?1", upload->id,
                      static_cast<int>(is_refused ? UploadRowState::abandoned : UploadRowState::committed)));
  return state;
}

Result<std::uint64_t> count_collections(Work& work) {
  KACHERY_TRY(count, work.number("SELECT count FROM collections"));
  return static_cast<std::uint64_t>(count.value_or(0));
}

Result<CommitState> add_one_small(Committing& commit, const SmallUpload& file, bool was_collected) {
  const SentChunk& chunk = file.chunk;
  if (!is_content(file.digest, chunk.sha256, chunk.sha1)) return refused_for_content(file.digest);
  const RowId zone = commit.uploader.owner.zone;
  KACHERY_TRY(object, find_object(commit.work, zone, {chunk.sha256}));
  const bool is_doomed = object && object->state == ObjectState::doomed;
  // It lay in the bucket when it was put there, perhaps, and may be gone.
  const bool may_be_gone = was_collected && !(object && object->state == ObjectState::here);
  if (is_doomed || may_be_gone) return CommitState{CommitState::What::refused, being_deleted(chunk.sha256)};
  if (auto denial = commit.account.take(chunk.size))
    return CommitState{CommitState::What::refused, std::move(denial)};
  KACHERY_TRY(id, find_or_make_object(commit.work, zone, {chunk.sha256}));
  KACHERY_TRY(object_is_here(commit.work, id, chunk));
  KACHERY_TRY(state, place_whole(commit, {file.digest, chunk.size, id}));
  if (state.what == CommitState::What::refused) commit.account.give_back(chunk.size, 1);
  return state;
}

}  // namespace

Result<std::vector<CommitState>> Uploads::commit(const Uploader& uploader, std::span<const Commit> commits,
                                                 std::int64_t now_ms) {
  std::vector<Checked> checked;
  for (const Commit& one : commits) checked.push_back(check(one));

  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, find_uploader(work, uploader));
  KACHERY_TRY(account, Account::open(work, row.owner.zone, row.owner.user));
  Committing committing{work, row, std::move(account), now_ms};
  std::vector<CommitState> states;
  for (std::size_t i = 0; i < commits.size(); ++i) {
    KACHERY_TRY(state, commit_one(committing, commits[i], checked[i]));
    states.push_back(std::move(state));
  }
  KACHERY_TRY(committing.account.save(work));
  KACHERY_TRY(work.commit());
  return states;
}

Result<Collections> Uploads::collections() {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(count, count_collections(work));
  return Collections{count};
}

Result<std::vector<CommitState>> Uploads::add_small(const Uploader& uploader,
                                                    std::span<const SmallUpload> files, Collections before,
                                                    std::int64_t now_ms) {
  KACHERY_TRY(work, Work::take(connection_));
  KACHERY_TRY(row, find_uploader(work, uploader));
  KACHERY_TRY(account, Account::open(work, row.owner.zone, row.owner.user));
  KACHERY_TRY(count, count_collections(work));
  Committing committing{work, row, std::move(account), now_ms};
  std::vector<CommitState> states;
  states.reserve(files.size());
  for (const SmallUpload& file : files) {
    KACHERY_TRY(state, add_one_small(committing, file, count != before.count));
    states.push_back(std::move(state));
  }
  KACHERY_TRY(committing.account.save(work));
  KACHERY_TRY(work.commit());
  return states;
}

}  // namespace kachery::hub
