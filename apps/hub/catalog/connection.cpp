#include "hub/catalog/connection.h"

#include <algorithm>

namespace kachery::hub {

Digest Query::digest(int column) const {
  const ByteView value = bytes(column);
  const bool is_sha1 = value.size() == digest_size(Algorithm::sha1);
  return {is_sha1 ? Algorithm::sha1 : Algorithm::sha256, value};
}

NodeId Query::node(int column) const {
  const ByteView value = bytes(column);
  NodeId::Key key{};
  KACHERY_ASSERT(value.size() == key.size());
  std::ranges::copy(value, key.begin());
  return NodeId(key);
}

UserName Query::user(int column) const {
  Result<UserName> name = UserName::parse(text(column));
  KACHERY_ASSERT(name.has_value());
  return *std::move(name);
}

ZoneName Query::zone(int column) const {
  Result<ZoneName> name = ZoneName::parse(text(column));
  KACHERY_ASSERT(name.has_value());
  return *std::move(name);
}

ResourceName Query::resource(int column) const {
  Result<ResourceName> name = ResourceName::parse(text(column));
  KACHERY_ASSERT(name.has_value());
  return *std::move(name);
}

ChannelName Query::channel(int column) const {
  Result<ChannelName> name = ChannelName::parse(text(column));
  KACHERY_ASSERT(name.has_value());
  return *std::move(name);
}

Roles Query::roles(int column) const {
  const Result<Roles> roles = Roles::from_number(number(column));
  KACHERY_ASSERT(roles.has_value());
  return *roles;
}

Result<Work> Work::take(Connection& connection) {
  std::unique_lock lock(connection.mutex);
  KACHERY_TRY(transaction, Transaction::begin(connection.database));
  return Work(std::move(lock), connection, std::move(transaction));
}

Result<Prepared*> Work::prepare(std::string_view sql) {
  const auto known = connection_->statements.find(sql);
  if (known != connection_->statements.end()) return &known->second;
  KACHERY_TRY(statement, connection_->database.prepare(sql));
  return &connection_->statements.emplace(sql, Prepared{std::move(statement)}).first->second;
}

Result<RowId> Work::inserted() {
  KACHERY_TRY(row, number("SELECT last_insert_rowid()"));
  return row.value_or(0);
}

Result<std::int64_t> Work::changes() {
  KACHERY_TRY(rows, number("SELECT changes()"));
  return rows.value_or(0);
}

Result<RowId> zone_id(Work& work, const ZoneName& zone) {
  KACHERY_TRY(row, work.number("SELECT id FROM zones WHERE name = ?1", zone));
  if (!row) return fail(Code::not_found, "there is no zone " + zone.str());
  return *row;
}

Result<RowId> user_id(Work& work, const UserName& user) {
  KACHERY_TRY(row, work.number("SELECT id FROM users WHERE name = ?1", user));
  if (!row) return fail(Code::not_found, "there is no user " + user.str());
  return *row;
}

Result<RowId> node_id(Work& work, const NodeId& node) {
  KACHERY_TRY(row, work.number("SELECT id FROM nodes WHERE key = ?1", node));
  if (!row) return fail(Code::not_found, "there is no node " + node.hex());
  return *row;
}

}  // namespace kachery::hub
