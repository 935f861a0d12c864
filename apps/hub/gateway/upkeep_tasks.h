// Upkeep tasks: what a hub does behind everything: checks what was claimed, and tidies.
#pragma once

#include "hub/gateway/shared.h"

namespace kachery::hub {

// Begins them; they end with the loop. `shared` outlives the loop's run().
void start_upkeep(Shared& shared);

// The steps that the tasks repeat. `shared` belongs to the caller, who waits.

// Reads the files of all claims whole, and settles each; those that cannot be read keep none of the others
// waiting. How many were settled. So many records are held at a time.
Task<Result<std::size_t>> check_claims(Shared& shared, std::size_t count_at_once);
Task<Result<>> expire_uploads(Shared& shared);
// Looks for chunks and manifests that the catalog does not know, which a crash has left, and makes them
// garbage. How many.
Task<Result<std::size_t>> sweep_bucket(Shared& shared);
// Deletes what nothing refers to. How many objects. One at a time.
Task<Result<std::size_t>> collect_garbage(Shared& shared);
// Cuts every daemon that may not provide any more: whose node was revoked, whose user lost the right, whose
// name is another's now.
void review_providers(Shared& shared);

}  // namespace kachery::hub
