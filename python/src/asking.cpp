// Asking resources, for Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include "core/uri.h"
#include "session.h"

namespace kachery::python {
namespace {

// The members of _request.Question; an empty zone is the configured one.
using PyQuestion = std::tuple<std::string, std::string, std::string, std::int64_t, bool>;

struct Question {
  Digest digest;
  Asking asking;
  std::optional<ZoneName> zone;
};

Question question_of(const nb::bytes& uri, const PyQuestion& asked) {
  const auto& [resource, resource_url, zone, wait_ms, ignore_bucket] = asked;
  return {value_or_raise(Uri::parse(text_of(uri))).digest,
          {.resource = resource,
           .resource_url = resource_url,
           .wait = std::chrono::milliseconds(wait_ms),
           .ignore_bucket = ignore_bucket},
          zone_of(zone.empty() ? std::nullopt : std::optional(zone))};
}

// (state, size or None, bytes uploaded or None, code of the error or None, reason or None)
nb::tuple ask(PySession& session, const nb::bytes& uri, const PyQuestion& asked,
              const nb::object& on_progress) {
  const Question question = question_of(uri, asked);
  std::optional<wire::AskState> last;
  run_blocking(on_progress, [&](Progress& progress) -> Result<> {
    const auto on_state = [&](const wire::AskState& state) {
      progress.bytes_total = state.size.value_or(0);
      progress.bytes_done = state.bytes_uploaded.value_or(0);
    };
    KACHERY_TRY(state, session->ask(question.digest, question.asking, question.zone, on_state, progress));
    last = std::move(state);
    return {};
  });
  const auto code = last->code ? std::optional(std::string(code_name(*last->code))) : std::nullopt;
  return nb::make_tuple(last->state, last->size, last->bytes_uploaded, code, last->message);
}

void cancel_ask(PySession& session, const nb::bytes& uri, const PyQuestion& asked) {
  const Question question = question_of(uri, asked);
  run_blocking(nb::none(), [&](Progress& progress) {
    return session->cancel_ask(question.digest, question.asking, question.zone, progress);
  });
}

}  // namespace

void bind_asking(SessionClass& session) {
  session.def("ask", &ask, nb::arg(), nb::arg(), nb::arg().none()).def("cancel_ask", &cancel_ask);
}

}  // namespace kachery::python
