#include "net/retry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <span>
#include <string_view>
#include <thread>

#include "os/clock.h"

namespace kachery {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWaitMax{60'000};
constexpr milliseconds kSleepStep{50};

constexpr std::array kPassing{408, 425, 429, 500, 502, 503, 504};
constexpr std::array kAway{502, 503, 504};

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  const bool is_number = error == std::errc() && end == text.end() && !text.starts_with('-');
  return is_number ? std::optional(number) : std::nullopt;
}

// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate of RFC 9110 section 5.6.7, the one form that is still made).
std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view kForm = "Sun, 06 Nov 1994 08:49:37 GMT";
  if (text.size() != kForm.size() || !text.ends_with(" GMT")) return std::nullopt;
  const auto day = parse_number(text.substr(5, 2));
  const auto month =
      static_cast<unsigned>(std::ranges::find(kMonths, text.substr(8, 3)) - kMonths.begin()) + 1;
  const auto year = parse_number(text.substr(12, 4));
  const auto hour = parse_number(text.substr(17, 2));
  const auto minute = parse_number(text.substr(20, 2));
  const auto second = parse_number(text.substr(23, 2));
  if (!day || !year || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(month),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

// By the clock of whoever answered, where the answer tells it.
std::chrono::sys_seconds now_of(const HttpFields& fields) {
  if (const std::string* date = fields.find("date"))
    if (const auto now = parse_date(*date)) return *now;
  return std::chrono::floor<std::chrono::seconds>(
      std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(system_clock().now_ns())));
}

// What Retry-After asks for (RFC 9110 section 10.2.3): seconds, or a date. 0 where it is not there, or
// malformed.
milliseconds asked_wait(const HttpFields& fields) {
  const std::string* text = fields.find("retry-after");
  if (text == nullptr) return milliseconds(0);
  if (!text->empty() && std::ranges::all_of(*text, [](char c) { return c >= '0' && c <= '9'; }))
    return std::min<milliseconds>(std::chrono::seconds(parse_number(*text).value_or(3600)), kWaitMax);
  if (const auto date = parse_date(*text))
    return std::clamp<milliseconds>(*date - now_of(fields), milliseconds(0), kWaitMax);
  return milliseconds(0);
}

bool is_one_of(std::span<const int> statuses, const Result<ClientResponse>& outcome) {
  if (!outcome) return outcome.error().code == Code::unavailable;
  return std::ranges::find(statuses, outcome->status) != statuses.end();
}

// Anything from nothing to the longest wait of this try: so those who failed together do not come back
// together.
milliseconds jittered(const RetryPolicy& policy, int tried) {
  const auto longest = std::max<std::int64_t>(0, policy.longest.count());
  auto wait = std::clamp<std::int64_t>(policy.first.count(), 0, longest);
  for (int i = 1; i < tried && wait < longest; ++i) wait = std::min(2 * wait, longest);
  std::random_device random;
  return milliseconds(std::uniform_int_distribution<std::int64_t>(0, wait)(random));
}

}  // namespace

std::optional<milliseconds> wait_before_retry(const RetryPolicy& policy, int tried,
                                              const Result<ClientResponse>& outcome) {
  if (tried >= policy.tries_max || !is_one_of(kPassing, outcome)) return std::nullopt;
  const milliseconds asked = outcome ? asked_wait(outcome->fields) : milliseconds(0);
  return std::min(asked + jittered(policy, tried), kWaitMax);
}

bool is_away(const Result<ClientResponse>& outcome) {
  return is_one_of(kAway, outcome);
}

bool sleep_unless(const std::atomic<bool>& cancel, milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!cancel) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return true;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kSleepStep));
  }
  return false;
}

}  // namespace kachery
