// Certificates (X.509) for TLS: making one that we sign ourselves, and the fingerprint that others pin.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/secret.h"

namespace kachery {

struct SelfSigned {
  std::string certificate;  // PEM.
  Secret private_key;       // PEM (PKCS #8), ECDSA P-256.
};

// For these host names and addresses (of IPv6 with or without brackets), at least one; Code::invalid for what
// is neither. Valid from a day ago for ten years: what is pinned is its key, so that nothing is gained by an
// earlier end.
Result<SelfSigned> make_self_signed(std::span<const std::string> hosts);

// SHA-256 of the SubjectPublicKeyInfo of the first certificate in `pem`, 64 digits. Code::corrupt.
Result<std::string> certificate_fingerprint(std::string_view pem);

}  // namespace kachery
