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

// (public key, private key), 64 hexadecimal digits each: the private one is for a file that only its owner
// reads.
nb::tuple key_pair(PySession& session) {
  const Configuration& configuration = session->configuration();
  const auto pair =
      value_or_raise(unlocked([&] { return find_identity(configuration, MissingKey::generate); }));
  return nb::make_tuple(pair->node_id().hex(), to_hex(pair->seed()));
}

// Makes this the node of that pair.
void adopt_key_pair(PySession& session, const std::string& public_key, const std::string& private_key) {
  const NodeId id = value_or_raise(NodeId::parse(public_key));
  Secret seed(KeyPair::kSeedSize);
  if (!from_hex(private_key, seed.bytes()))
    raise({Code::invalid, "the private key is not 64 lower-case hexadecimal digits"});
  const KeyPair pair(seed.bytes());
  if (pair.node_id() != id) raise({Code::invalid, "the private key is not that of node " + id.hex()});
  const Configuration& configuration = session->configuration();
  value_or_raise(unlocked([&] { return adopt_identity(configuration, pair); }));
}

}  // namespace

void bind_identity(SessionClass& session) {
  session.def("node_id", &node_id).def("key_pair", &key_pair).def("adopt_key_pair", &adopt_key_pair);
}

}  // namespace kachery::python
