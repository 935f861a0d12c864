// Channels: who makes, manages and joins them. docs/protocol/channels.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> channel_routes();

}  // namespace kachery::hub
