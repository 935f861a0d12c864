// The signed URLs of the bucket: its bytes, in both directions. docs/protocol/bucket.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> bucket_routes();

}  // namespace kachery::hub
