// kachery._native, for the Python package only.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "session.h"

namespace kachery::python {
namespace {

// What tells one session from another: equal for equal configurations.
nb::bytes session_key() {
  const Configuration configuration = value_or_raise(configuration_from_environment());
  std::string key = configuration.directory_origin;
  key += '\0' + configuration.directory.native() + '\0' + configuration.state_directory.native();
  key += '\0' + configuration.gateway_url.value + '\0' + configuration.zone.value;
  key += configuration.offline ? "\1" : "\2";
  for (const auto& directory : configuration.also_read) key += '\0' + directory.native();
  return bytes_of(key);
}

}  // namespace
}  // namespace kachery::python

// NOLINTNEXTLINE(readability-identifier-length): nanobind's own idiom.
NB_MODULE(_native, m) {
  using namespace kachery::python;
  m.attr("__version__") = KACHERY_VERSION;
  m.def("session_key", &session_key);
  bind_uris(m);
  SessionClass session(m, "Session");
  // For the configuration that the environment gives now.
  session.def("__init__", [](PySession* self) {
    new (self) PySession(value_or_raise(kachery::configuration_from_environment()));
  });
  session.def("abandon", &PySession::abandon);
  bind_content(m, session);
  bind_identity(session);
  bind_mutables(session);
}
