// The log of the hub: JSON lines on standard error, one an event. By spdlog.
#pragma once

#include <string_view>

#include "json/json.h"

namespace kachery::hub {

enum class Severity { info, warning, error };

// {"time":"2026-11-22T03:40:00.123Z","level":"info","event":...,...}. Thread-safe; never blocks for long.
// Nothing secret: no tokens, no queries, no bodies.
void log(Severity severity, std::string_view event, json::Object about);

}  // namespace kachery::hub
