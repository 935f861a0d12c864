#include "hub/operations/audit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "hub/operations/audit_file.h"
#include "hub/operations/day.h"
#include "os/clock.h"
#include "os/random.h"

namespace kachery::hub {
namespace {

namespace fs = std::filesystem;

AuditEntry entry(int number) {
  const std::int64_t now_ms = system_clock().now_ns() / 1'000'000;
  return {now_ms, "", "", "", "fetch", "default", std::to_string(number), true, ""};
}

class AuditTest : public testing::Test {
 protected:
  ~AuditTest() override { fs::remove_all(folder_); }

  fs::path folder_ = fs::path(testing::TempDir()) / ("audit_test_" + random_hex(8));
};

Task<> record_and_flush(AuditLog& log, Loop& loop, int count, bool& written) {
  for (int number = 0; number < count; ++number) {
    log.record(entry(number));
    const auto pause = std::chrono::milliseconds(number % 500 == 0 ? 1 : 0);
    if (number % 500 == 0) co_await loop.sleep(pause);
  }
  Result<> flushed = co_await log.flush();
  written = flushed.has_value();
  loop.stop();
}

// More than a batch, and while others are being written.
TEST_F(AuditTest, WritesEverythingInItsOrder) {
  Loop loop(2);
  auto log = AuditLog::open(folder_, loop);
  ASSERT_TRUE(log) << log.error().message;
  bool written = false;
  loop.spawn(record_and_flush(**log, loop, 2'500, written));
  loop.run();
  EXPECT_TRUE(written);
  const auto summary = verify_audit(folder_);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->lines, 2'500U);
  EXPECT_EQ((*log)->lost(), 0U);
}

Task<> ask_days(AuditLog& log, Loop& loop, std::vector<Result<std::string>>& answers) {
  log.record(entry(7));
  Result<> flushed = co_await log.flush();
  EXPECT_TRUE(flushed);
  std::vector<std::string> days{day_of(system_clock().now_ns() / 1'000'000), "1999-12-31", "../secret"};
  for (const std::string& day : days) {
    Result<std::string> lines = co_await log.day(day);
    answers.push_back(std::move(lines));
  }
  loop.stop();
}

TEST_F(AuditTest, GivesTheLinesOfADay) {
  Loop loop(1);
  auto log = AuditLog::open(folder_, loop);
  ASSERT_TRUE(log);
  std::vector<Result<std::string>> answers;
  loop.spawn(ask_days(**log, loop, answers));
  loop.run();
  ASSERT_EQ(answers.size(), 3U);
  ASSERT_TRUE(answers[0]) << answers[0].error().message;
  EXPECT_TRUE(answers[0]->contains(R"("object":"7")"));
  EXPECT_EQ(answers[1].error().code, Code::not_found);
  EXPECT_EQ(answers[2].error().code, Code::invalid);
}

void limit_files(rlim_t bytes) {
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

// A disk that is full for a while: nothing may be changed then, some entries are lost and counted, and the
// log says so when it goes on, with a chain that holds.
Task<> fill_and_recover(AuditLog& log, Loop& loop, bool& held) {
  limit_files(20'000);
  for (std::size_t number = 0; number < kAuditQueueMax + 5; ++number) log.record(entry(1));
  Result<> full = co_await log.flush();
  Result<> ready = log.ready();
  held = !full && !ready && ready.error().code == Code::unavailable && log.lost() == 5;
  limit_files(RLIM_INFINITY);
  Result<> written = co_await log.flush();
  while (!written) {
    const std::chrono::milliseconds pause(10);
    co_await loop.sleep(pause);
    written = co_await log.flush();
  }
  held = held && log.ready() && log.lost() == 5;
  loop.stop();
}

TEST_F(AuditTest, SaysThatTheDiskIsFullAndGoesOnWhenItIsNot) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::alarm(60);
    bool held = false;
    {
      Loop loop(1);
      auto log = AuditLog::open(folder_, loop);
      if (!log) ::_exit(2);
      loop.spawn(fill_and_recover(**log, loop, held));
      loop.run();
    }
    ::_exit(held ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const auto summary = verify_audit(folder_);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->lines, kAuditQueueMax + 1) << "and the line that tells of those that were lost";
}

}  // namespace
}  // namespace kachery::hub
