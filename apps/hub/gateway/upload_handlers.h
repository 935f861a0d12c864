// Uploads: begin, more chunks, commit, abandon. docs/protocol/uploads.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> upload_routes();

}  // namespace kachery::hub
