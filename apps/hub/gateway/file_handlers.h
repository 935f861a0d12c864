// Files of a zone: find, fetch, put, list, remove. docs/protocol/files.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> file_routes();

}  // namespace kachery::hub
