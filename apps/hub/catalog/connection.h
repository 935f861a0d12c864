// Connection: the one open database of a catalog. Work: one call's use of it. Query: one statement in use.
#pragma once

#include <mutex>
#include <optional>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "core/digest.h"
#include "core/names.h"
#include "core/node_id.h"
#include "core/roles.h"
#include "db/database.h"

namespace kachery::hub {

// A statement that was prepared once, for every call.
struct Prepared {
  Statement statement;
  bool in_use = false;
};

// Used through Work only.
struct Connection {
  std::mutex mutex;
  Database database;
  std::unordered_map<std::string_view, Prepared> statements = {};  // By their SQL, which is a literal.
};

// A row number of a table. 0 is none.
using RowId = std::int64_t;

// Ready for the next user when it goes.
class Query {
 public:
  explicit Query(Prepared& prepared) : prepared_(&prepared) {
    KACHERY_ASSERT(!prepared.in_use);
    prepared.in_use = true;
  }
  Query(Query&& other) noexcept : prepared_(std::exchange(other.prepared_, nullptr)) {}
  Query& operator=(Query&&) = delete;
  ~Query() {
    if (prepared_ == nullptr) return;
    prepared_->statement.reset();
    prepared_->in_use = false;
  }

  // True while there is a row to look at.
  Result<bool> step() { return prepared_->statement.step(); }
  Result<> run() { return prepared_->statement.run(); }

  bool is_null(int column) const { return prepared_->statement.is_null(column); }
  std::int64_t number(int column) const { return prepared_->statement.column_int(column); }
  std::uint64_t count(int column) const { return static_cast<std::uint64_t>(number(column)); }
  bool flag(int column) const { return number(column) != 0; }
  std::string text(int column) const { return std::string(prepared_->statement.column_text(column)); }
  ByteView bytes(int column) const { return prepared_->statement.column_bytes(column); }
  // What the schema lets be nothing else.
  Digest digest(int column) const;
  NodeId node(int column) const;
  UserName user(int column) const;
  ZoneName zone(int column) const;
  ResourceName resource(int column) const;
  ChannelName channel(int column) const;
  Roles roles(int column) const;

  void bind(int parameter, ByteView value) { prepared_->statement.bind(parameter, value); }
  void bind(int parameter, std::string_view value) { prepared_->statement.bind(parameter, value); }
  void bind(int parameter, const char* value) { bind(parameter, std::string_view(value)); }
  void bind(int parameter, const Digest& value) { bind(parameter, value.bytes()); }
  void bind(int parameter, const NodeId& value) { bind(parameter, value.bytes()); }
  template <class Kind>
  void bind(int parameter, const Name<Kind>& value) {
    bind(parameter, std::string_view(value.str()));
  }
  void bind(int parameter, Roles value) { bind(parameter, value.number()); }
  template <class Number>
    requires std::is_integral_v<Number>
  void bind(int parameter, Number value) {
    prepared_->statement.bind(parameter, static_cast<std::int64_t>(value));
  }
  template <class Value>
  void bind(int parameter, const std::optional<Value>& value) {
    if (value) {
      bind(parameter, *value);
    } else {
      prepared_->statement.bind(parameter, nullptr);
    }
  }

 private:
  Prepared* prepared_;
};

// Holds the connection, and a transaction: without commit() nothing happened. One thread; as long as one
// call.
class Work {
 public:
  static Result<Work> take(Connection& connection);

  // `sql` is a literal: it is prepared at its first use and kept. `values` are its parameters, from 1.
  template <class... Values>
  Result<Query> query(std::string_view sql, const Values&... values) {
    KACHERY_TRY(prepared, prepare(sql));
    Query query(*prepared);
    int parameter = 0;
    (query.bind(++parameter, values), ...);
    return query;
  }

  // One that gives no rows.
  template <class... Values>
  Result<> run(std::string_view sql, const Values&... values) {
    KACHERY_TRY(statement, query(sql, values...));
    return statement.run();
  }

  // The first column of the first row, an integer; nothing without a row.
  template <class... Values>
  Result<std::optional<std::int64_t>> number(std::string_view sql, const Values&... values) {
    KACHERY_TRY(statement, query(sql, values...));
    KACHERY_TRY(found, statement.step());
    if (!found || statement.is_null(0)) return std::nullopt;
    return statement.number(0);
  }

  // Likewise, as a truth; false without a row.
  template <class... Values>
  Result<bool> test(std::string_view sql, const Values&... values) {
    KACHERY_TRY(value, number(sql, values...));
    return value.value_or(0) != 0;
  }

  // The row that was just inserted.
  Result<RowId> inserted();
  // How many rows the last statement changed, without those of triggers.
  Result<std::int64_t> changes();

  Result<> commit() { return transaction_.commit(); }

 private:
  Work(std::unique_lock<std::mutex> lock, Connection& connection, Transaction transaction)
      : lock_(std::move(lock)), connection_(&connection), transaction_(std::move(transaction)) {}
  Result<Prepared*> prepare(std::string_view sql);

  std::unique_lock<std::mutex> lock_;
  Connection* connection_;
  Transaction transaction_;
};

// Code::not_found.
Result<RowId> zone_id(Work& work, const ZoneName& zone);
Result<RowId> user_id(Work& work, const UserName& user);
Result<RowId> node_id(Work& work, const NodeId& node);

}  // namespace kachery::hub
