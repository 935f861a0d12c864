// The node's identity: the key pair that others know this store on this host by. docs/formats/keys.md.
#pragma once

#include <optional>

#include "client/configuration.h"
#include "crypto/key_pair.h"

namespace kachery {

enum class MissingKey { none, generate };

// The key pair of KACHERY_CLOUD_CLIENT_ID and KACHERY_CLOUD_PRIVATE_KEY, which go together; else that of
// private.pem in the first of key_directories() that has one. With MissingKey::generate a missing pair is
// made in the first of them, and a lost public.pem is written again there; of processes that make
// one at once, one wins and all get that one's. Otherwise nothing is written.
//
// Code::invalid for variables that do not fit, Code::corrupt for damaged files and pairs that do not belong
// together, Code::denied for a private key that others may read. No message shows anything of a key.
Result<std::optional<KeyPair>> find_identity(const Configuration& configuration, MissingKey missing);

// Makes this the node that `pair` belongs to, on the disk, where a new pair would be made. Code::exists if it
// is another node already; the errors of find_identity.
Result<> adopt_identity(const Configuration& configuration, const KeyPair& pair);

}  // namespace kachery
