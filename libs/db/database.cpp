#include "db/database.h"

#include <sqlite3.h>

#include <utility>

namespace kachery {
namespace {

constexpr int kBusyWaitMs = 5000;

Code code_of_sqlite(int status) {
  switch (status & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::corrupt;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Code::denied;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Code::exhausted;
    case SQLITE_CONSTRAINT:
      return Code::exists;
    default:
      return Code::internal;
  }
}

std::unexpected<Error> fail_sqlite(sqlite3* connection, int status, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(status);
  return fail(code_of_sqlite(status), std::move(message));
}

}  // namespace

Result<Database> Database::open(const std::filesystem::path& path, Durability durability) {
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    SQLITE_OPEN_NOFOLLOW;
  const int status = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  Database database(connection);
  if (status != SQLITE_OK)
    return fail_sqlite(connection, status, "cannot open the database " + path.native());
  sqlite3_busy_timeout(connection, kBusyWaitMs);
  KACHERY_TRY(database.run("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;"));
  KACHERY_TRY(database.run(durability == Durability::full ? "PRAGMA synchronous = FULL"
                                                          : "PRAGMA synchronous = OFF"));
  return database;
}

Database::Database(Database&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(connection_, other.connection_);
  return *this;
}

Database::~Database() {
  sqlite3_close_v2(connection_);
}

Result<> Database::run(const char* sql) {
  const int status = sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return fail_sqlite(connection_, status, sqlite3_db_filename(connection_, "main"));
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int status = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (status != SQLITE_OK) return fail_sqlite(connection_, status, sqlite3_db_filename(connection_, "main"));
  return Statement(statement);
}

Statement::Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  return *this;
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  KACHERY_ASSERT(sqlite3_bind_int64(statement_, parameter, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, ByteView value) {
  KACHERY_ASSERT(sqlite3_bind_blob64(statement_, parameter, value.data(), value.size(), SQLITE_TRANSIENT) ==
                 SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  sqlite3* connection = sqlite3_db_handle(statement_);
  Result<bool> outcome = false;
  if (status != SQLITE_DONE)
    outcome = fail_sqlite(connection, status, sqlite3_db_filename(connection, "main"));
  reset();
  return outcome;
}

Result<> Statement::run() {
  KACHERY_TRY(has_row, step());
  KACHERY_ASSERT(!has_row);
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::int64_t Statement::column_int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

ByteView Statement::column_bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

Result<Transaction> Transaction::begin(Database& database) {
  KACHERY_TRY(database.run("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) static_cast<void>(database_->run("ROLLBACK"));
}

Result<> Transaction::commit() {
  KACHERY_TRY(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace kachery
