#include "blocking.h"

#include <chrono>
#include <exception>
#include <future>

#include "core/text.h"

namespace kachery::python {
namespace {

constexpr std::chrono::milliseconds kLookInterval{100};

// Exceptions are named like codes: not_found is NotFound.
std::string exception_name(Code code) {
  std::string name;
  bool capital = true;
  for (const char c : code_name(code)) {
    if (c == '_') {
      capital = true;
      continue;
    }
    name += capital ? static_cast<char>(c - 'a' + 'A') : c;
    capital = false;
  }
  return name;
}

// What Python wants in between: signals handled, progress told.
void look_up(const nb::object& on_progress, const Progress& progress) {
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
  if (!on_progress.is_none()) on_progress(progress.bytes_done.load(), progress.bytes_total.load());
}

}  // namespace

void raise(const Error& error) {
  const nb::object type = nb::module_::import_("kachery._errors").attr(exception_name(error.code).c_str());
  const std::string message = printable(error.message);
  PyErr_SetString(type.ptr(), message.c_str());
  throw nb::python_error();
}

void run_blocking(const nb::object& on_progress, const std::function<Result<>(Progress&)>& work) {
  Progress progress;
  auto future = std::async(std::launch::async, [&] { return work(progress); });
  std::exception_ptr interruption;
  for (bool ready = false; !ready;) {
    {
      const nb::gil_scoped_release unlocked;
      ready = future.wait_for(kLookInterval) == std::future_status::ready;
    }
    if (ready || interruption) continue;
    try {
      look_up(on_progress, progress);
    } catch (...) {
      interruption = std::current_exception();
      progress.cancel = true;
    }
  }
  const Result<> outcome = future.get();
  if (interruption) std::rethrow_exception(interruption);
  if (!outcome) raise(outcome.error());
}

}  // namespace kachery::python
