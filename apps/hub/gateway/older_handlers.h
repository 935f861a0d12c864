// Older: the proxy of gen2 as a part of the hub: its daemons and its clients meet ours. gen2 section 5.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> older_routes();

}  // namespace kachery::hub
