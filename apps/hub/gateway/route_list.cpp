#include "hub/gateway/route_list.h"

#include "hub/gateway/admission.h"
#include "hub/gateway/routes.h"

namespace kachery::hub {

std::vector<RouteDescription> describe_routes() {
  std::vector<RouteDescription> descriptions;
  const RouteTable routes = all_routes();
  for (const Route& route : routes.all())
    descriptions.push_back({.method = std::string(method_name(route.method)),
                            .path = route.path,
                            .action = std::string(action_name(route.action)),
                            .who = who_may(route.action)});
  return descriptions;
}

}  // namespace kachery::hub
