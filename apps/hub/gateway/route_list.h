// Route list: everything that can be asked of a hub, for people and for tests that must not forget any of it.
#pragma once

#include <string>
#include <vector>

namespace kachery::hub {

struct RouteDescription {
  std::string method;
  std::string path;    // The whole path; or, if it ends with "/", what it begins with.
  std::string action;  // As the audit log and the metrics call it.
  std::string who;     // Who may, at the least: a message may ask for more.
};

std::vector<RouteDescription> describe_routes();

}  // namespace kachery::hub
