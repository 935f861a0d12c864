#include "hub/operations/day.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "core/text.h"

namespace kachery::hub {
namespace {

using std::chrono::year_month_day;

std::string text_of(const year_month_day& date) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::chrono::sys_time<std::chrono::milliseconds> time_of(std::int64_t time_ms) {
  return std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(time_ms));
}

unsigned number(std::string_view digits) {
  unsigned value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

std::string day_of(std::int64_t time_ms) {
  return text_of(std::chrono::floor<std::chrono::days>(time_of(time_ms)));
}

std::string moment_of(std::int64_t time_ms) {
  const auto midnight = std::chrono::floor<std::chrono::days>(time_of(time_ms));
  const std::chrono::hh_mm_ss clock(time_of(time_ms) - midnight);
  return fmt::format("{}T{:02}:{:02}:{:02}.{:03}Z", day_of(time_ms), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<> check_day(const std::string& day) {
  if (day.size() == 10) {
    const std::string_view text = day;
    const year_month_day date(std::chrono::year(static_cast<int>(number(text.substr(0, 4)))),
                              std::chrono::month(number(text.substr(5, 2))),
                              std::chrono::day(number(text.substr(8, 2))));
    if (date.ok() && text_of(date) == day) return {};
  }
  return fail(Code::invalid, "\"" + printable(day) + "\" is no day; days are written like 2026-11-22 (UTC)");
}

}  // namespace kachery::hub
