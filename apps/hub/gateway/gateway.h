// Gateway: from a request to its answer: who asks, what for, whether they may; then the route's handler.
#pragma once

#include <memory>

#include "hub/services.h"
#include "net/server.h"

namespace kachery::hub {

struct Shared;

// Network thread only. The services outlive it, and it outlives every request and every answer's body.
class Gateway {
 public:
  explicit Gateway(const Services& services);
  ~Gateway();

  // Never fails: a failure is an answer, too. Everything is counted, logged and audited here. `request`
  // belongs to the server, until the answer has been sent.
  Task<Response> handle(Request& request);

  // The answer to what never becomes a request (ServerParts::on_malformed), in our form.
  Response malformed(int status, const std::string& request_id, const std::string& why);

  // Begins what goes on behind everything (upkeep_tasks.h), until the loop stops. Once.
  void start_upkeep();

  // Lets go of the connections that stay, before the server is drained.
  void stop();

  // For tests, which do the steps of the upkeep themselves.
  Shared& shared();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace kachery::hub
