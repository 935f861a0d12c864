#include "db/database.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() : path_(std::filesystem::path(testing::TempDir()) / ("database_test_" + random_hex(8))) {
    remove_files();
  }
  ~DatabaseTest() override { remove_files(); }

  void remove_files() const {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_.native() + suffix);
  }

  Database open() {
    auto database = Database::open(path_, Durability::full);
    EXPECT_TRUE(database);
    return *std::move(database);
  }

  std::filesystem::path path_;
};

TEST_F(DatabaseTest, KeepsRowsOverReopening) {
  {
    Database database = open();
    ASSERT_TRUE(database.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)"));
    auto insert = database.prepare("INSERT INTO t VALUES(?1, ?2)");
    ASSERT_TRUE(insert);
    for (const int i : {1, 2}) {
      insert->bind(1, i).bind(2, as_bytes(i == 1 ? "one" : ""));
      ASSERT_TRUE(insert->run());
    }
  }
  Database database = open();
  auto select = database.prepare("SELECT b FROM t WHERE a = ?1");
  ASSERT_TRUE(select);
  select->bind(1, 1);
  const auto row = select->step();
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(as_text(select->column_bytes(0)), "one");
}

TEST_F(DatabaseTest, ForgetsATransactionThatWasNotCommitted) {
  Database database = open();
  ASSERT_TRUE(database.run("CREATE TABLE t(a)"));
  {
    auto transaction = Transaction::begin(database);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(database.run("INSERT INTO t VALUES(2)"));
  }
  auto transaction = Transaction::begin(database);
  ASSERT_TRUE(transaction) << "the one before was not rolled back";
  ASSERT_TRUE(database.run("INSERT INTO t VALUES(3)"));
  ASSERT_TRUE(transaction->commit());
  auto count = database.prepare("SELECT sum(a) FROM t");
  ASSERT_TRUE(count && *count->step());
  EXPECT_EQ(count->column_int(0), 3) << "2 was rolled back";
}

TEST_F(DatabaseTest, SaysThatAFileIsNoDatabase) {
  std::ofstream(path_) << std::string(5000, 'x');
  const auto database = Database::open(path_, Durability::full);
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code, Code::corrupt);
}

TEST_F(DatabaseTest, SaysThatAConstraintWasBroken) {
  Database database = open();
  ASSERT_TRUE(database.run("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES(1)"));
  EXPECT_EQ(database.run("INSERT INTO t VALUES(1)").error().code, Code::exists);
}

TEST_F(DatabaseTest, KeepsTextAndNullApartFromEmpty) {
  Database database = open();
  ASSERT_TRUE(database.run("CREATE TABLE t(a TEXT, b TEXT)"));
  auto insert = database.prepare("INSERT INTO t VALUES(?1, ?2)");
  ASSERT_TRUE(insert);
  insert->bind(1, "\u00e9").bind(2, nullptr);
  ASSERT_TRUE(insert->run());
  insert->bind(1, std::string_view()).bind(2, "x");
  ASSERT_TRUE(insert->run());
  auto select = database.prepare("SELECT a, b, typeof(a) FROM t");
  ASSERT_TRUE(select && *select->step());
  EXPECT_EQ(select->column_text(0), "\u00e9");
  EXPECT_TRUE(select->is_null(1));
  EXPECT_EQ(select->column_text(2), "text");
  ASSERT_TRUE(*select->step());
  EXPECT_FALSE(select->is_null(0));
  EXPECT_EQ(select->column_text(0), "");
}

// An older program's directory must look afterwards as it did before. (As root, who may write anywhere, only
// one with a rollback journal does.)
TEST_F(DatabaseTest, ManyProcessesMayMakeTheSameOneAtOnce) {
  for (int round = 0; round < 50; ++round) {
    remove_files();
    std::array<int, 2> gate{};
    ASSERT_EQ(::pipe(gate.data()), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) {
      const pid_t child = ::fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        char end = 0;
        ::close(gate[1]);
        static_cast<void>(::read(gate[0], &end, 1));  // Until all are there.
        ::_exit(Database::open(path_, Durability::full) ? 0 : 1);
      }
      children.push_back(child);
    }
    ::close(gate[0]);
    ::close(gate[1]);
    for (const pid_t child : children) {
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_EQ(status, 0) << "in round " << round;
    }
  }
}

TEST_F(DatabaseTest, OpenedForReadingChangesNothing) {
  for (const Journal journal : {Journal::rollback, Journal::wal}) {
    if (journal == Journal::wal && ::geteuid() == 0) continue;
    const std::filesystem::path folder = path_.native() + ".d";
    std::filesystem::create_directory(folder);
    const std::filesystem::path file = folder / "x 100%.db";
    EXPECT_EQ(Database::open_read_only(file).error().code, Code::not_found);
    {
      auto writer = Database::open(file, Durability::full, journal);
      ASSERT_TRUE(writer && writer->run("CREATE TABLE t(a); INSERT INTO t VALUES(7)"));
    }
    std::filesystem::permissions(folder, std::filesystem::perms(0555));
    {
      auto database = Database::open_read_only(file);
      ASSERT_TRUE(database) << database.error().message;
      auto select = database->prepare("SELECT a FROM t");
      ASSERT_TRUE(select && *select->step());
      EXPECT_EQ(select->column_int(0), 7);
      EXPECT_EQ(database->run("INSERT INTO t VALUES(8)").error().code, Code::denied);
      EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
    }
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
    std::filesystem::remove_all(folder);
  }
}

// The locks inside SQLite that another thread holds at the moment of a fork would be held in the child for
// ever: it could never open a database.
TEST(Database, AForkedChildCanUseDatabasesWhateverOtherThreadsDo) {
  const fs::path folder = fs::path(testing::TempDir()) / ("fork_test_" + random_hex(8));
  fs::create_directory(folder);
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&, i] {
      while (!done) {
        auto database = Database::open(folder / std::to_string(i), Durability::cache);
        ASSERT_TRUE(database && database->run("CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES(1)"));
      }
    });
  for (int i = 0; i < 300; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(10);
      ::_exit(Database::open(folder / "child", Durability::cache) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0) << "fork " << i;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  fs::remove_all(folder);
}

}  // namespace
}  // namespace kachery
