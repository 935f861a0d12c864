// What is asked without a signature: health, metrics, what the hub says of itself, the page of a
// registration.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> page_routes();

}  // namespace kachery::hub
