// The node's identity, for Python.
#include "client/identity.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "session.h"

namespace kachery::python {
namespace {

// 64 hexadecimal digits, or None.
std::optional<std::string> node_id(PySession& session, bool generate_if_missing) {
  const Configuration& configuration = session->configuration();
  const std::optional<KeyPair> pair = value_or_raise(unlocked([&] {
    return find_identity(configuration, generate_if_missing ? MissingKey::generate : MissingKey::none);
  }));
  return pair ? std::optional(pair->node_id().hex()) : std::nullopt;
}

}  // namespace

void bind_identity(SessionClass& session) {
  session.def("node_id", &node_id);
}

}  // namespace kachery::python
