#include "core/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace kachery {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Code::invalid, "odd");
  return number / 2;
}

Result<> check(int number) {
  KACHERY_TRY(half(number));
  return {};
}

Result<std::unique_ptr<int>> quarter(int number) {
  KACHERY_TRY(once, half(number));
  KACHERY_TRY(twice, half(once));
  return std::make_unique<int>(twice);
}

TEST(Error, TryPassesValuesAndFailuresOn) {
  EXPECT_TRUE(check(2));
  EXPECT_EQ(check(3).error().message, "odd");
  EXPECT_EQ(**quarter(12), 3);
  EXPECT_EQ(quarter(6).error().code, Code::invalid);
}

// The exit statuses are a promise to scripts (docs/guide/program.md).
TEST(Error, HasTheExitStatusesThatAreDocumented) {
  EXPECT_EQ(exit_status(Code::invalid), 2);
  EXPECT_EQ(exit_status(Code::not_found), 4);
  EXPECT_EQ(exit_status(Code::unavailable), 5);
  EXPECT_EQ(exit_status(Code::denied), 6);
  EXPECT_EQ(exit_status(Code::corrupt), 7);
  EXPECT_EQ(exit_status(Code::exhausted), 8);
  EXPECT_EQ(exit_status(Code::timed_out), 9);
  EXPECT_EQ(exit_status(Code::cancelled), 130);
  EXPECT_EQ(exit_status(Code::internal), 1);
  EXPECT_EQ(exit_status(Code::exists), 1);
  EXPECT_EQ(code_name(Code::not_found), "not_found");
}

TEST(Error, OfASystemCallSaysWhatAndWhy) {
  const auto failure = fail_errno(ENOSPC, "cannot write /a/b");
  EXPECT_EQ(failure.error().code, Code::exhausted);
  EXPECT_EQ(failure.error().message, "cannot write /a/b: No space left on device");
  EXPECT_EQ(fail_errno(ENOENT, "x").error().code, Code::not_found);
  EXPECT_EQ(fail_errno(EACCES, "x").error().code, Code::denied);
  EXPECT_EQ(fail_errno(EIO, "x").error().code, Code::internal);
}

}  // namespace
}  // namespace kachery
