// Administration: users, nodes, invitations, zones, quotas, usage, the audit log. docs/protocol/admin.md.
#pragma once

#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<Route> admin_routes();

}  // namespace kachery::hub
