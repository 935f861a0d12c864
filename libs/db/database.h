// SQL, wrapped once: SQLite files, prepared statements, transactions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace kachery {

// How much a commit waits for.
enum class Durability {
  full,   // On the disk when the commit returns.
  order,  // Never damaged (with Journal::wal), but a power cut may take away the last commits.
  cache,  // May be lost or damaged by a power cut: only for what can be made again.
};

// How a new file keeps what is being written. What is there already stays as it is.
enum class Journal {
  wal,       // Readers and a writer at once; two more files beside it while it is used.
  rollback,  // One file at rest, as older programs keep it.
};

class Statement;

// One connection. One thread at a time, never across a fork; other connections may be in use while a thread
// forks (db/fork_gate.h).
class Database {
 public:
  // Opens or makes the file. Its path may not have a symbolic link in it. Code::corrupt if it is no database.
  // Waits for other processes: up to 5 s for a cache, up to a minute for the rest.
  static Result<Database> open(const std::filesystem::path& path, Durability durability,
                               Journal journal = Journal::wal);
  // Opens a file that is there, of an older program's for instance, and changes nothing in it; also where we
  // may only read. Nor is anything made beside it, unless it is in WAL mode and we may write there.
  // Code::not_found.
  static Result<Database> open_read_only(const std::filesystem::path& path);

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // Any number of statements without parameters or results.
  Result<> run(const char* sql);
  // One statement, to be used many times. The database outlives it.
  Result<Statement> prepare(std::string_view sql);

 private:
  explicit Database(sqlite3* connection) : connection_(connection) {}
  static Result<Database> connect(const std::string& name, int flags, int busy_wait_ms);

  sqlite3* connection_;
};

// Parameters are numbered from 1, columns from 0. Views of columns last until the next step or reset.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, ByteView value);
  Statement& bind(int parameter, std::string_view text);  // UTF-8.
  Statement& bind(int parameter, std::nullptr_t);         // NULL.

  // True while there is a row to look at. After false, or a failure, the statement is ready to be used again.
  Result<bool> step();
  // Runs a statement that gives no rows.
  Result<> run();
  void reset();

  std::int64_t column_int(int column) const;
  ByteView column_bytes(int column) const;
  std::string_view column_text(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  sqlite3_stmt* statement_;
};

// Everything until commit(), or nothing.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  // For reading: what is read belongs together, whatever others commit meanwhile.
  static Result<Transaction> begin_reading(Database& database);

  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<> commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}

  Database* database_;
};

}  // namespace kachery
