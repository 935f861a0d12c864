// How this node becomes known to a hub.
#pragma once

#include <optional>
#include <string>

#include "command.h"

namespace kachery::cli {

struct Joining {
  std::string label = {};  // Empty: the name of this machine.
  std::optional<UserName> user = {};
  std::optional<std::string> invitation = {};
};

// Registers this node's key, which is made if there is none. Where somebody has to approve it, that is said
// on standard error, and it waits; the code stays good if it is stopped. Returns at once if the hub knows the
// node. Code::denied for a revoked node, and where nobody approved it in time.
Result<wire::WhoAmI> join_hub(Context& context, Session& session, const Joining& joining);

Result<wire::WhoAmI> ask_whoami(const Context& context, Session& session,
                                const std::optional<ZoneName>& zone);

}  // namespace kachery::cli
