// KeyPair: an ed25519 key (RFC 8032), by which a node or a feed is known and signs. By libsodium.
#pragma once

#include <array>

#include "core/node_id.h"
#include "core/secret.h"

namespace kachery {

using Signature = std::array<std::byte, 64>;

// Thread-safe for reading. Cannot be copied; the secret half is wiped when it goes.
class KeyPair {
 public:
  static constexpr std::size_t kSeedSize = 32;

  static KeyPair generate();
  // `seed` has kSeedSize bytes: what older programs call the private key.
  explicit KeyPair(ByteView seed);

  const NodeId& node_id() const { return node_id_; }
  // For writing it down. As long-lived as the key pair.
  ByteView seed() const { return secret_.bytes().first(kSeedSize); }

  Signature sign(ByteView message) const;

 private:
  Secret secret_;  // The seed, then the public key.
  NodeId node_id_;
};

// Strict: false also for keys and signatures that other verifiers may take, not all of them: those of small
// order, and every number that is not written in its one canonical form. So all of us always agree.
bool verify(const NodeId& key, ByteView message, ByteView signature);

}  // namespace kachery
