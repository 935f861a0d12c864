// Times as the hub writes them: the day in UTC, and the moment (RFC 3339).
#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"

namespace kachery::hub {

// "2026-11-22". Milliseconds since 1970.
std::string day_of(std::int64_t time_ms);

// "2026-11-22T03:40:00.123Z"
std::string moment_of(std::int64_t time_ms);

// A day as `day_of` writes it, that there is in the calendar: Code::invalid otherwise. Only what passes here
// becomes a part of a path.
Result<> check_day(const std::string& day);

}  // namespace kachery::hub
