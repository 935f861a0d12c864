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
  cache,  // May be lost or damaged by a power cut: only for what can be made again.
};

class Statement;

// One connection. One thread at a time, never across a fork.
class Database {
 public:
  // Opens or makes the file, in WAL mode. Its path may not have a symbolic link in it. Code::corrupt if it is
  // no database. Waits up to 5 s for other processes.
  static Result<Database> open(const std::filesystem::path& path, Durability durability);

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // Any number of statements without parameters or results.
  Result<> run(const char* sql);
  // One statement, to be used many times. The database outlives it.
  Result<Statement> prepare(std::string_view sql);

 private:
  explicit Database(sqlite3* connection) : connection_(connection) {}

  sqlite3* connection_;
};

// Parameters are numbered from 1, columns from 0. Views from column_bytes last until the next step or reset.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, ByteView value);

  // True while there is a row to look at. After false, or a failure, the statement is ready to be used again.
  Result<bool> step();
  // Runs a statement that gives no rows.
  Result<> run();
  void reset();

  std::int64_t column_int(int column) const;
  ByteView column_bytes(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  sqlite3_stmt* statement_;
};

// Everything until commit(), or nothing.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);

  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<> commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}

  Database* database_;
};

}  // namespace kachery
