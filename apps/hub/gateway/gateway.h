// Gateway: from a request to its answer: who asks, what for, whether they may; then the route's handler.
#pragma once

#include <memory>

#include "hub/services.h"
#include "net/server.h"

namespace kachery::hub {

struct RouteTable;

// Network thread only. The services outlive it.
class Gateway {
 public:
  explicit Gateway(Services services);
  ~Gateway();

  // Never fails: a failure is an answer, too. Everything is counted, logged and audited here.
  Task<Response> handle(Request& request);

 private:
  Services services_;
  std::unique_ptr<RouteTable> routes_;
};

}  // namespace kachery::hub
