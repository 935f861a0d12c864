// Admission: who asks, and whether they may. Every request passes through here before a handler sees it.
#pragma once

#include <chrono>
#include <string_view>

#include "hub/gateway/gateway_limits.h"
#include "hub/gateway/visit.h"
#include "hub/services.h"

namespace kachery::hub {

// What the audit log and the metrics call an action.
std::string_view action_name(Action action);

// Network thread only. The services outlive it.
class Admission {
 public:
  explicit Admission(Services& services) : services_(services) {}

  // Whether this address asks too often. Code::unavailable, with status 429; in the audit log once a minute.
  Result<> check_address(Visit& visit);

  // By whom it is signed, or whose token it carries; without both: nobody known. Code::denied if either is
  // not right. What a signature says of the body is for read_whole() to check.
  Result<> identify(Visit& visit);

  // The rates, then the one decision; in the audit log either way. At a hub that is open, a key that nobody
  // knows yet is registered first. `visit` and `question` belong to the caller, who waits.
  Task<Result<Permit>> admit(Visit& visit, const Question& question);

  // What was refused before it came to a decision, or denied after it, for a reason that only whoever serves
  // it could know.
  void refused(Visit& visit, const Error& error);

 private:
  Task<Result<>> register_at_open_hub(NodeId node, std::int64_t now_ms);
  Result<> check_rates(Visit& visit, const Question& question);
  void record(Visit& visit, const Question& question, std::string action, const Error* why);

  Services& services_;
  Rates codes_of_nodes_{kNodeCodeRate};  // Right ones and wrong ones.
  Rates codes_of_addresses_{kAddressCodeRate};
  Rates busy_addresses_{kBusyAddressLines};  // What the audit log may still tell of each.
};

// The user whose node a key becomes by itself, at a hub that is open: "node-<12 digits>".
UserName user_at_open_hub(const NodeId& node);

}  // namespace kachery::hub
