// Zones: their settings and quotas.
#pragma once

#include <optional>
#include <vector>

#include "db/database.h"
#include "hub/catalog/connection.h"
#include "hub/catalog/records.h"

namespace kachery::hub {

// Blocking and thread-safe. What a call that changes something has returned is durable.
class Zones {
 public:
  explicit Zones(Connection& connection) : connection_(connection) {}

  Result<> create_zone(const ZoneName& zone, const UserName& owner, std::int64_t now_ms);
  Result<> delete_zone(const ZoneName& zone);
  Result<std::vector<ZoneRecord>> zones();
  Result<> set_settings(const ZoneName& zone, const ZoneSettings& settings);
  Result<> set_quota(const ZoneName& zone, const std::optional<UserName>& user, const Quota& quota);
  // What a user has stored, and may store, in a zone.
  Result<QuotaState> quota_of(const ZoneName& zone, const UserName& user);

 private:
  Connection& connection_;
};

}  // namespace kachery::hub
