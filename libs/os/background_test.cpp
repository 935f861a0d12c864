#include "os/background.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

class BackgroundTest : public testing::Test {
 protected:
  BackgroundTest() { fs::create_directories(place_); }
  ~BackgroundTest() override { fs::remove_all(place_); }

  fs::path log() const { return place_ / "log"; }
  std::string logged() const {
    std::ostringstream text;
    text << std::ifstream(log()).rdbuf();
    return text.str();
  }
  static int status_of(std::int64_t process) {
    int status = 0;
    EXPECT_EQ(::waitpid(static_cast<pid_t>(process), &status, 0), process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  fs::path place_ = fs::path(testing::TempDir()) / ("background-" + random_hex(8));
};

TEST_F(BackgroundTest, GoesOnInASessionOfItsOwnWithALogForItsOwner) {
  const pid_t session = ::getsid(0);
  const auto process = run_in_background(log(), [session](const SayBegun& say) {
    say({});
    say(fail(Code::invalid, "not heard"));
    const bool reads_nothing = std::getchar() == EOF;
    static_cast<void>(
        std::printf("own session: %d, reads nothing: %d\n", ::getsid(0) != session, reads_nothing));
    static_cast<void>(std::fflush(stdout));
    return 7;
  });
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_NE(*process, ::getpid());
  EXPECT_EQ(status_of(*process), 7);
  EXPECT_EQ(logged(), "own session: 1, reads nothing: 1\n");
  EXPECT_EQ(fs::status(log()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(BackgroundTest, WhyItDoesNotBeginIsHeard) {
  const auto process = run_in_background(log(), [](const SayBegun& say) {
    say(fail(Code::denied, "not today"));
    return 1;
  });
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, Code::denied);
  EXPECT_EQ(process.error().message, "not today");
}

TEST_F(BackgroundTest, OneThatEndsWithoutAWordIsAFailureThatNamesTheLog) {
  const auto process = run_in_background(log(), [](const SayBegun&) { return 0; });
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, Code::unavailable);
  EXPECT_TRUE(process.error().message.contains(log().native())) << process.error().message;
}

TEST_F(BackgroundTest, WhatIsLoggedIsAppended) {
  std::ofstream(log()) << "before\n";
  const auto process = run_in_background(log(), [](const SayBegun& say) {
    say({});
    static_cast<void>(std::puts("after"));
    static_cast<void>(std::fflush(stdout));
    return 0;
  });
  ASSERT_TRUE(process);
  EXPECT_EQ(status_of(*process), 0);
  EXPECT_EQ(logged(), "before\nafter\n");
}

TEST_F(BackgroundTest, ALogThatCannotBeWrittenIsSaid) {
  const auto process = run_in_background(log() / "nowhere", [](const SayBegun&) { return 0; });
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, Code::not_found);
}

}  // namespace
}  // namespace kachery
