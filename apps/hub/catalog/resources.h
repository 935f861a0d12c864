// Resources: the names under which nodes provide files, and whose they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// What a registration says beside whose it is.
struct ResourceChoices {
  std::optional<std::string> proxy_url;
  bool older;
};

// Blocking and thread-safe. What a call that changes something has returned is durable.
class Resources {
 public:
  explicit Resources(Connection& connection) : connection_(connection) {}

  // The name belongs to this node from then on; if it did before, only what was chosen changes. Code::exists
  // if it belongs to another node, Code::exhausted if the node's user has kResourcesMax in the zone.
  Result<ResourceRecord> register_resource(const ResourceId& id, const NodeId& node,
                                           const ResourceChoices& choices, std::int64_t now_ms);
  // Of a zone, by name; with a name that one only, if it is there. Code::not_found if there is no such zone.
  Result<std::vector<ResourceRecord>> list(const ZoneName& zone, const std::optional<ResourceName>& name);
  // Code::not_found.
  Result<> remove(const ResourceId& id);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
