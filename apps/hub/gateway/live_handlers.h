// Live: the connections by which nodes provide. docs/protocol/live.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> live_routes();

}  // namespace kachery::hub
