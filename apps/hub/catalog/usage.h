// Usage: who sent and got how much, by day.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "db/database.h"
#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// Blocking and thread-safe. What a call that changes something has returned is durable.
class UsageLedger {
 public:
  explicit UsageLedger(Connection& connection) : connection_(connection) {}

  Result<> add_usage(std::span<const UsageRecord> usage);
  Result<std::vector<UsageRecord>> usage(const ZoneName& zone, const std::string& first_day,
                                         const std::string& last_day);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
