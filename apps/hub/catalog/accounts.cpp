#include "hub/catalog/accounts.h"

namespace kachery::hub {
namespace {

// Where there is no limit: so much that no sum of sizes leaves the 64 bits.
constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 62;

bool fits(std::uint64_t used, std::int64_t change, std::uint64_t more, std::optional<std::uint64_t> max) {
  const std::uint64_t now = used + static_cast<std::uint64_t>(change);
  const std::uint64_t limit = max.value_or(kUnlimited);
  return now <= limit && more <= limit - now;
}

std::string denial(const std::string& whose, const char* unit, std::uint64_t used, std::uint64_t more,
                   std::optional<std::uint64_t> max) {
  return whose + " may store " + std::to_string(max.value_or(kUnlimited)) + " " + unit + ", " +
         std::to_string(used) + " are used, and this needs " + std::to_string(more) +
         " more; remove files, or ask the administrator of the hub for a larger quota";
}

Result<> add(Work& work, RowId zone, RowId user, std::int64_t bytes, std::int64_t objects) {
  KACHERY_TRY(work.run("UPDATE zones SET bytes = bytes + ?2, objects = objects + ?3 WHERE id = ?1", zone,
                       bytes, objects));
  KACHERY_TRY(work.run("INSERT INTO accounts(zone, user) VALUES(?1, ?2) ON CONFLICT DO NOTHING", zone, user));
  return work.run(
      "UPDATE accounts SET bytes = bytes + ?3, objects = objects + ?4 WHERE zone = ?1 AND user = ?2", zone,
      user, bytes, objects);
}

}  // namespace

QuotaState quota_state(const Query& row, int column) {
  Quota max;
  if (!row.is_null(column)) max.bytes = row.count(column);
  if (!row.is_null(column + 1)) max.objects = row.count(column + 1);
  return {max, row.count(column + 2), row.count(column + 3)};
}

Result<> give_back(Work& work, RowId zone, RowId user, std::int64_t bytes, std::int64_t objects) {
  return add(work, zone, user, -bytes, -objects);
}

Result<Account> Account::open(Work& work, RowId zone, RowId user) {
  KACHERY_TRY(row,
              work.query("SELECT z.name, z.bytes_max, z.objects_max, z.bytes, z.objects, u.name,"
                         " a.bytes_max, a.objects_max, coalesce(a.bytes, 0), coalesce(a.objects, 0)"
                         " FROM zones z JOIN users u LEFT JOIN accounts a ON a.zone = z.id AND a.user = u.id"
                         " WHERE z.id = ?1 AND u.id = ?2",
                         zone, user));
  KACHERY_TRY(found, row.step());
  KACHERY_ASSERT(found);
  const std::string name = row.text(0);
  return Account(zone, user, {"the zone " + name, quota_state(row, 1)},
                 {"the user " + row.text(5) + ", in the zone " + name + ",", quota_state(row, 6)});
}

std::optional<Error> Account::fault(const Side& side, ByteCount bytes) const {
  const QuotaState& quota = side.quota;
  if (!fits(quota.bytes, bytes_, bytes, quota.max.bytes))
    return Error{Code::exhausted, denial(side.whose, "bytes", quota.bytes + static_cast<ByteCount>(bytes_),
                                         bytes, quota.max.bytes)};
  if (!fits(quota.objects, objects_, 1, quota.max.objects))
    return Error{Code::exhausted,
                 denial(side.whose, "files", quota.objects + static_cast<std::uint64_t>(objects_), 1,
                        quota.max.objects)};
  return std::nullopt;
}

std::optional<Error> Account::take(ByteCount bytes) {
  for (const Side* side : {&of_zone_, &of_user_})
    if (auto error = fault(*side, bytes)) return error;
  bytes_ += static_cast<std::int64_t>(bytes);
  ++objects_;
  return std::nullopt;
}

void Account::give_back(ByteCount bytes, std::int64_t objects) {
  bytes_ -= static_cast<std::int64_t>(bytes);
  objects_ -= objects;
}

Result<> Account::save(Work& work) {
  if (bytes_ == 0 && objects_ == 0) return {};
  return add(work, zone_, user_, bytes_, objects_);
}

}  // namespace kachery::hub
