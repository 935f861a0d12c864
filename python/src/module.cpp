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
  for (const auto* directories : {&configuration.also_read, &configuration.keys_in}) {
    key += '\0';
    for (const auto& directory : *directories) key += '\0' + directory.native();
  }
  return bytes_of(key);
}

// The store's directory, then those of older programs, which are only read.
nb::list directories() {
  const Configuration configuration = value_or_raise(configuration_from_environment());
  nb::list list;
  list.append(bytes_of(configuration.directory.native()));
  for (const auto& older : configuration.also_read) list.append(bytes_of(older.native()));
  return list;
}

// The store's directory; the ordinary one, outside of a sandbox, if that is not to be respected.
nb::bytes directory(bool respect_sandbox) {
  const Configuration configuration = value_or_raise(configuration_from_environment());
  const bool inside = respect_sandbox || configuration.keys_in.empty();
  return bytes_of((inside ? configuration.directory : configuration.keys_in.front()).native());
}

// (the hub's URL, or "" if there is none; whether nobody else is to be asked for anything)
nb::tuple hub() {
  const Configuration configuration = value_or_raise(configuration_from_environment());
  return nb::make_tuple(configuration.gateway_url.value, configuration.offline);
}

// The zone that is configured.
std::string zone() {
  return value_or_raise(configuration_from_environment()).zone.value;
}

}  // namespace
}  // namespace kachery::python

// NOLINTNEXTLINE(readability-identifier-length): nanobind's own idiom.
NB_MODULE(_native, m) {
  using namespace kachery::python;
  m.attr("__version__") = KACHERY_VERSION;
  m.def("session_key", &session_key);
  m.def("directories", &directories);
  m.def("directory", &directory, nb::arg("respect_sandbox") = true);
  m.def("hub", &hub);
  m.def("zone", &zone);
  bind_uris(m);
  SessionClass session(m, "Session");
  // For the configuration that the environment gives now.
  session.def("__init__", [](PySession* self) {
    new (self) PySession(value_or_raise(kachery::configuration_from_environment()));
  });
  session.def("abandon", &PySession::abandon);
  bind_content(m, session);
  bind_reader(m, session);
  bind_upkeep(session);
  bind_zone(session);
  bind_asking(session);
  bind_identity(session);
  bind_mutables(session);
  bind_feeds(m, session);
}
