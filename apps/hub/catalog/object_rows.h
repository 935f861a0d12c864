// Object rows: what lies in the bucket, or may; and open uploads, which lease it.
#pragma once

#include "hub/catalog/connection.h"
#include "hub/catalog/file_rows.h"
#include "hub/catalog/records.h"
#include "hub/catalog/schema.h"

namespace kachery::hub {

struct ObjectRow {
  RowId id;
  ObjectState state;
  ByteCount size;  // Of one that is here.
};

// A chunk by its SHA-256; with `file`, that file's manifest.
struct ObjectName {
  Digest sha256;
  std::optional<Digest> file = {};
};

Result<std::optional<ObjectRow>> find_object(Work& work, RowId zone, const ObjectName& name);
// Makes it where there is none, as expected.
Result<RowId> find_or_make_object(Work& work, RowId zone, const ObjectName& name);
// Its bytes lie in the bucket.
Result<> object_is_here(Work& work, RowId object, const SentChunk& chunk);

// The bytes are being deleted at this moment, and whoever sent them again might lose them.
Error being_deleted(const Digest& sha256);

struct UploaderRow {
  Owner owner;
  std::string reads;  // grant_kinds().
};
// Code::not_found, also if the channel that it is for is gone.
Result<UploaderRow> find_uploader(Work& work, const Uploader& uploader);

// Whether the uploader may know of a file: can read it, or has stored it, wherever to.
Result<bool> may_know(Work& work, const UploaderRow& uploader, RowId file);

// Whether the uploader could get this chunk from files that are there, or from an upload of the same node
// that has not expired: then it need not be sent.
Result<bool> could_have(Work& work, const UploaderRow& uploader, RowId object);

struct UploadRow {
  RowId id;
  Digest digest;
  ByteCount size;
  RowId object;  // The chunk or the manifest that is to be the file.
  Digest object_sha256;
  bool has_manifest;
  ByteCount announced;  // Sizes of all chunks, as they were said.
  UploadRowState state;
};
// Code::not_found, also for somebody else's, and for one to another place.
Result<UploadRow> find_upload(Work& work, const UploaderRow& uploader, const std::string& name);

}  // namespace kachery::hub
