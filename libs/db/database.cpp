#include "db/database.h"

#include <sqlite3.h>

#include <chrono>
#include <thread>
#include <utility>

#include "core/text.h"
#include "db/fork_gate.h"

namespace kachery {
namespace {

constexpr int kBusyWaitCacheMs = 5'000;
// Dozens of processes that commit at once, on a slow disk, take turns for this long.
constexpr int kBusyWaitFullMs = 60'000;
constexpr std::chrono::milliseconds kWalRetry{5};

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
    case SQLITE_CANTOPEN:
      return Code::denied;  // Of a file that is there, or in a directory that is.
    default:
      return Code::internal;
  }
}

const char* synchronous(Durability durability) {
  switch (durability) {
    case Durability::full:
      // FULL that also syncs the directory, without which a rollback journal may come back.
      return "PRAGMA synchronous = EXTRA";
    case Durability::order:
      return "PRAGMA synchronous = NORMAL";
    case Durability::cache:
      break;
  }
  return "PRAGMA synchronous = OFF";
}

// Whoever turns a new file to this mode needs it alone for a moment; of two who do it at once SQLite refuses
// one at once, because they would wait for each other.
Result<> keep_in_wal(Database& database, int wait_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
  for (;;) {
    Result<> kept = database.run("PRAGMA journal_mode = WAL");
    const bool is_busy = !kept && kept.error().code == Code::unavailable;
    if (!is_busy || std::chrono::steady_clock::now() >= until) return kept;
    std::this_thread::sleep_for(kWalRetry);
  }
}

std::unexpected<Error> fail_sqlite(sqlite3* connection, int status, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(status);
  return fail(code_of_sqlite(status), std::move(message));
}

}  // namespace

Result<Database> Database::connect(const std::string& name, int flags, int busy_wait_ms) {
  const InSqlite inside;
  sqlite3* connection = nullptr;
  const int status =
      sqlite3_open_v2(name.c_str(), &connection,
                      flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW, nullptr);
  Database database(connection);
  if (status != SQLITE_OK) return fail_sqlite(connection, status, "cannot open the database " + name);
  sqlite3_busy_timeout(connection, busy_wait_ms);
  return database;
}

Result<Database> Database::open(const std::filesystem::path& path, Durability durability, Journal journal) {
  const int wait_ms = durability == Durability::cache ? kBusyWaitCacheMs : kBusyWaitFullMs;
  KACHERY_TRY(database, connect(path.native(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, wait_ms));
  KACHERY_TRY(database.run("PRAGMA foreign_keys = ON"));
  if (journal == Journal::wal) KACHERY_TRY(keep_in_wal(database, wait_ms));
  KACHERY_TRY(database.run(synchronous(durability)));
  return database;
}

Result<Database> Database::open_read_only(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return fail(Code::not_found, "no database " + path.native());
  KACHERY_TRY(database, connect(path.native(), SQLITE_OPEN_READONLY, kBusyWaitCacheMs));
  Result<> readable = database.run("SELECT count(*) FROM sqlite_master");
  if (readable) return database;

  // One in WAL mode wants to make files beside it. Where it cannot, nobody is writing: it is at rest, unless
  // a log was left.
  const std::filesystem::path log = path.native() + "-wal";
  const auto log_size = std::filesystem::file_size(log, error);
  if (readable.error().code == Code::corrupt || (!error && log_size > 0))
    return std::unexpected(std::move(readable).error());
  const std::string uri = "file:" + percent_encode(path.native(), "/") + "?immutable=1";
  KACHERY_TRY(at_rest, connect(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, kBusyWaitCacheMs));
  KACHERY_TRY(at_rest.run("SELECT count(*) FROM sqlite_master"));
  return at_rest;
}

Database::Database(Database&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(connection_, other.connection_);
  return *this;
}

Database::~Database() {
  const InSqlite inside;
  sqlite3_close_v2(connection_);
}

Result<> Database::run(const char* sql) {
  const InSqlite inside;
  const int status = sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return fail_sqlite(connection_, status, sqlite3_db_filename(connection_, "main"));
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  const InSqlite inside;
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
  const InSqlite inside;
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  const InSqlite inside;
  KACHERY_ASSERT(sqlite3_bind_int64(statement_, parameter, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, ByteView value) {
  const InSqlite inside;
  KACHERY_ASSERT(sqlite3_bind_blob64(statement_, parameter, value.data(), value.size(), SQLITE_TRANSIENT) ==
                 SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  const InSqlite inside;
  // Without an address it would be NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  KACHERY_ASSERT(sqlite3_bind_text64(statement_, parameter, data, text.size(), SQLITE_TRANSIENT,
                                     SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::nullptr_t) {
  const InSqlite inside;
  KACHERY_ASSERT(sqlite3_bind_null(statement_, parameter) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const InSqlite inside;
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
  const InSqlite inside;
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

std::string_view Statement::column_text(int column) const {
  return as_text(column_bytes(column));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<Transaction> Transaction::begin(Database& database) {
  KACHERY_TRY(database.run("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Result<Transaction> Transaction::begin_reading(Database& database) {
  KACHERY_TRY(database.run("BEGIN"));
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
