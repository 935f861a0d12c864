// Background: work that goes on in a process of its own when the command that began it has ended.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "core/error.h"

namespace kachery {

// Says to whoever began the work that it goes on, or why it does not. What is said after that is not heard.
using SayBegun = std::function<void(const Result<>& outcome)>;

// Runs `work` in a new process: in a session of its own, with nothing to read, and with what it prints
// appended to `log`, a file for its owner alone. Its result is the exit status of that process, whose ID this
// gives once the work has begun; what it said else is the failure, Code::unavailable if it ended without a
// word. Blocks until then. Only while this process has one thread. The child keeps what is open and locked
// here.
Result<std::int64_t> run_in_background(const std::filesystem::path& log,
                                       const std::function<int(const SayBegun&)>& work);

}  // namespace kachery
