// Resources: their registration, and asking them. docs/protocol/resources.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> resource_routes();
std::vector<Route> ask_routes();

// By what the interest of somebody in an order is known: a node's key, else the address.
Asker asker_of(const Permit& permit, const RequestHead& head);

}  // namespace kachery::hub
