// NodeId: the name of a node, which is its public key (ed25519).
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

// A value. Older programs call it the client ID.
class NodeId {
 public:
  static constexpr std::size_t kSize = 32;
  using Key = std::array<std::byte, kSize>;

  explicit NodeId(const Key& key) : key_(key) {}

  // Exactly 64 lower-case hexadecimal digits, or Code::invalid. Whether they are a key that can have signed
  // anything is for `verify` to say.
  static Result<NodeId> parse(std::string_view hex);

  ByteView bytes() const { return key_; }
  std::string hex() const { return to_hex(key_); }

  auto operator<=>(const NodeId&) const = default;

 private:
  Key key_;
};

}  // namespace kachery
