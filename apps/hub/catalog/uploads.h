// Uploads: from the reserved space to the visible file.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "db/database.h"
#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// Blocking and thread-safe. What a call that changes something has returned is durable.
class Uploads {
 public:
  explicit Uploads(Connection& connection) : connection_(connection) {}

  // Which files need not be sent: the zone has them with this size, checked, and the uploader may know of
  // it. They have the user's grant then, if there is room for it. In the order of `files`; whoever sends the
  // others learns what is wrong with them.
  Result<std::vector<bool>> present(const Uploader& uploader, std::span<const SizedDigest> files,
                                    std::int64_t now_ms);
  // Reserves the space and leases the chunks. In the order of `files`; each may be refused by itself. The
  // same file of the same node goes on where it was. An upload and its leases end an hour after its last
  // call, so no URL may be good for longer. Code::unavailable: a chunk is being deleted at this moment.
  Result<std::vector<UploadState>> begin(const Uploader& uploader, std::span<const UploadRequest> files,
                                         std::int64_t now_ms);
  // More chunks of an upload that is open; which of them need not be sent.
  Result<std::vector<bool>> expect_chunks(const Uploader& uploader, const std::string& upload,
                                          std::span<const ChunkEntry> chunks, std::int64_t now_ms);
  // That the uploader has sent this chunk: it lies in the bucket, durably. Code::not_found if the upload does
  // not expect it; Code::corrupt if its size is not the one that was announced.
  Result<> note_sent(const std::string& upload, const SentChunk& chunk);
  // Makes files visible. `pages` are the texts of each manifest's pages, which the caller has read and
  // checked against the root. In the order of `commits`; each may be refused by itself. Twice is the same as
  // once.
  Result<std::vector<CommitState>> commit(const Uploader& uploader, std::span<const Commit> commits,
                                          std::int64_t now_ms);
  // Gives the space back at once. What was sent stays until the upload would have expired, for URLs may still
  // be used.
  Result<> abandon(const Uploader& uploader, std::span<const std::string> uploads);
  // Small files whose bytes lie in the bucket already, each as one chunk whose digests were computed by us:
  // reserved, noted and visible in one transaction. In the order of `files`. `before` was asked for before
  // the bytes were put there: no lease covers them, so one that lay there may have been deleted meanwhile.
  // Where that cannot be excluded the file is refused with Code::unavailable, and is to be put again.
  Result<std::vector<CommitState>> add_small(const Uploader& uploader, std::span<const SmallUpload> files,
                                             Collections before, std::int64_t now_ms);
  Result<Collections> collections();
  // What an upload that is open, of this uploader, wants; Code::not_found.
  Result<UploadRequest> upload(const Uploader& uploader, const std::string& upload);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
