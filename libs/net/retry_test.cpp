#include "net/retry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace kachery {
namespace {

using std::chrono::milliseconds;

constexpr RetryPolicy kPolicy{.tries_max = 6, .first = milliseconds(200), .longest = milliseconds(10'000)};
// Waits only as long as it is asked to.
constexpr RetryPolicy kAtOnce{.tries_max = 6, .first = milliseconds(0), .longest = milliseconds(0)};

Result<ClientResponse> answer(int status, const HttpFields& fields = {}) {
  return ClientResponse{status, fields, {}};
}

TEST(WaitBeforeRetry, IsForWhatMayPass) {
  for (const int status : {408, 425, 429, 500, 502, 503, 504})
    EXPECT_TRUE(wait_before_retry(kPolicy, 1, answer(status))) << status;
  for (const int status : {200, 204, 301, 400, 401, 403, 404, 409, 413, 422, 499, 501, 505, 507})
    EXPECT_FALSE(wait_before_retry(kPolicy, 1, answer(status))) << status;
  EXPECT_TRUE(wait_before_retry(kPolicy, 1, fail(Code::unavailable, "")));
  for (const Code code : {Code::invalid, Code::not_found, Code::exists, Code::denied, Code::timed_out,
                          Code::cancelled, Code::corrupt, Code::exhausted, Code::internal})
    EXPECT_FALSE(wait_before_retry(kPolicy, 1, fail(code, ""))) << code_name(code);
}

TEST(WaitBeforeRetry, EndsAfterTheLastTry) {
  EXPECT_TRUE(wait_before_retry(kPolicy, 5, answer(503)));
  EXPECT_FALSE(wait_before_retry(kPolicy, 6, answer(503)));
  EXPECT_FALSE(wait_before_retry(kPolicy, 7, answer(503)));
  EXPECT_FALSE(wait_before_retry({.tries_max = 1}, 1, answer(503)));
}

TEST(WaitBeforeRetry, GrowsAndIsSpreadOverTheWholeTime) {
  RetryPolicy patient = kPolicy;
  patient.tries_max = 1000;
  for (const auto& [tried, longest] : {std::pair{1, 200}, std::pair{2, 400}, std::pair{3, 800},
                                       std::pair{6, 6400}, std::pair{7, 10'000}, std::pair{999, 10'000}}) {
    milliseconds least{1'000'000};
    milliseconds most{0};
    for (int i = 0; i < 1000; ++i) {
      const milliseconds wait = *wait_before_retry(patient, tried, answer(503));
      least = std::min(least, wait);
      most = std::max(most, wait);
    }
    EXPECT_GE(least, milliseconds(0));
    EXPECT_LE(most, milliseconds(longest)) << tried;
    EXPECT_LT(least, milliseconds(longest / 10)) << "else those who failed together come back together";
    EXPECT_GT(most, milliseconds(longest - longest / 10)) << tried;
  }
}

milliseconds asked(const HttpFields& fields) {
  return *wait_before_retry(kAtOnce, 1, answer(503, fields));
}

TEST(WaitBeforeRetry, DoesWhatTheServerAsksUpToAMinute) {
  EXPECT_EQ(asked({}), milliseconds(0));
  EXPECT_EQ(asked({{"Retry-After", "0"}}), milliseconds(0));
  EXPECT_EQ(asked({{"retry-after", "3"}}), milliseconds(3000));
  EXPECT_EQ(asked({{"Retry-After", "61"}}), milliseconds(60'000));
  EXPECT_EQ(asked({{"Retry-After", "99999999999999999999"}}), milliseconds(60'000));

  const HttpField now{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"};
  EXPECT_EQ(asked({now, {"Retry-After", "Sun, 06 Nov 1994 08:49:42 GMT"}}), milliseconds(5000));
  EXPECT_EQ(asked({now, {"Retry-After", "Sun, 06 Nov 1994 08:49:30 GMT"}}), milliseconds(0)) << "in the past";
  EXPECT_EQ(asked({now, {"Retry-After", "Mon, 07 Nov 1994 00:00:00 GMT"}}), milliseconds(60'000));
  EXPECT_EQ(asked({{"Retry-After", "Fri, 31 Dec 9998 23:59:59 GMT"}}), milliseconds(60'000))
      << "by our own clock";
  EXPECT_EQ(asked({{"Date", "x"}, {"Retry-After", "Sun, 06 Nov 1994 08:49:42 GMT"}}), milliseconds(0));
  for (const char* text :
       {"", "-5", "5 s", "5.0", "+5", " 5", "Sun, 06 Nov 1994 08:49:42", "Sun, 99 Nov 1994 08:49:42 GMT",
        "Sun, 06 Foo 2094 08:49:42 GMT", "Sun, 06 Nov 2094 28:49:42 GMT", "Sun, 31 Feb 2094 08:49:42 GMT",
        "Sun, -6 Nov 2094 08:49:42 GMT"})
    EXPECT_EQ(asked({{"Retry-After", text}}), milliseconds(0)) << text;
}

TEST(WaitBeforeRetry, AddsItsOwnShareToWhatTheServerAsks) {
  for (int i = 0; i < 100; ++i) {
    const milliseconds wait = *wait_before_retry(kPolicy, 1, answer(503, {{"Retry-After", "3"}}));
    EXPECT_GE(wait, milliseconds(3000));
    EXPECT_LE(wait, milliseconds(3200));
  }
  EXPECT_EQ(wait_before_retry(kPolicy, 1, answer(503, {{"Retry-After", "60"}})), milliseconds(60'000));
}

TEST(SleepUnless, SleepsAsLongAsItIsTold) {
  const std::atomic<bool> go_on = false;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(sleep_unless(go_on, milliseconds(120)));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(120));
  EXPECT_TRUE(sleep_unless(go_on, milliseconds(0)));
  EXPECT_TRUE(sleep_unless(go_on, milliseconds(-1)));
}

TEST(SleepUnless, EndsWhenItIsCancelled) {
  std::atomic<bool> cancel = true;
  EXPECT_FALSE(sleep_unless(cancel, std::chrono::hours(1)));
  cancel = false;
  bool slept = true;
  std::jthread sleeper([&] { slept = sleep_unless(cancel, std::chrono::hours(1)); });
  cancel = true;
  sleeper.join();
  EXPECT_FALSE(slept);
}

}  // namespace
}  // namespace kachery
