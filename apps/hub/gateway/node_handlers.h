// Nodes: registration, approval, who am I. docs/protocol/nodes.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> node_routes();

}  // namespace kachery::hub
