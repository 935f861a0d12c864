// Calls that take long, without the interpreter's lock: other Python threads run, Ctrl-C works, progress is
// told.
#pragma once

#include <nanobind/nanobind.h>

#include <functional>

#include "core/error.h"
#include "core/progress.h"

namespace kachery::python {

namespace nb = nanobind;

// Raises the exception of kachery/_errors.py that stands for the error's code. With the lock held.
[[noreturn]] void raise(const Error& error);

// Runs `work` in a thread of its own and waits for it. Ten times a second it lets Python handle signals, and
// calls `on_progress(bytes_done, bytes_total)` unless it is None; an exception from either cancels the work
// and is passed on when the work has ended.
void run_blocking(const nb::object& on_progress, const std::function<Result<>(Progress&)>& work);

}  // namespace kachery::python
