#include "core/node_id.h"

#include "core/text.h"

namespace kachery {

Result<NodeId> NodeId::parse(std::string_view hex) {
  Key key{};
  if (from_hex(hex, key)) return NodeId(key);
  return fail(Code::invalid,
              "not a node ID (64 lower-case hexadecimal digits): \"" + printable(hex.substr(0, 80)) + "\"");
}

}  // namespace kachery
