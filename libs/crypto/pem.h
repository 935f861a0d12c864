// PEM files of keys (RFC 8410, in RFC 7468's form), as both earlier generations write them: three lines.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "crypto/key_pair.h"

namespace kachery {

// With a newline behind the last line.
std::string public_pem(const NodeId& key);
Secret private_pem(const KeyPair& pair);

// With or without the last newline, and else exactly so. Code::corrupt, with a message that shows nothing of
// the text.
Result<NodeId> parse_public_pem(std::string_view text);
Result<KeyPair> parse_private_pem(std::string_view text);

}  // namespace kachery
