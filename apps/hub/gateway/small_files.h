// Many small files in one body (application/x-kachery-files): lines and bytes, in both directions.
// docs/protocol/files.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

constexpr std::string_view kSmallFilesType = "application/x-kachery-files";

// For each digest a line that says how many bytes follow, then those bytes: read from the bucket while they
// are sent. What was not found, is too large, or cannot be read comes without bytes.
std::unique_ptr<Body> send_small_files(const Call& call, ZoneName zone, std::vector<Digest> digests,
                                       std::vector<std::optional<FileRecord>> found);

// POST /v1/files/put, whole. Both belong to the caller, who waits.
Task<Result<Response>> serve_put_small(Shared& shared, Visit& visit);

// How signed URLs say for whom they were made: a node ID, "administrator", or "" for nobody known.
std::string url_actor(const Permit& permit);

}  // namespace kachery::hub
