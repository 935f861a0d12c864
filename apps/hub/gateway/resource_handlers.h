// Resources: their registration, and asking them. docs/protocol/resources.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> resource_routes();
std::vector<Route> ask_routes();

}  // namespace kachery::hub
