// The text that a signature covers, and how the fields that carry it are written: RFC 9421, sections 2.5, 4.1
// and 4.2, as far as signing.h and the RFC's own vectors need it. For net/ only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/signing.h"

namespace kachery {

// `name` is "@path" or a field's name in lower case; `value` is printable ASCII.
struct SignedComponent {
  std::string_view name;
  std::string value;
};

// A number is written as it is, text in quotes; text has neither quotes nor backslashes.
struct SignatureParameter {
  std::string_view name;
  std::variant<std::int64_t, std::string_view> value;
};

// ("@method" "@path")
std::string component_list(std::span<const SignedComponent> components);

// ("@method" "@path");created=1700000000;keyid="...": the value of Signature-Input behind its label, and the
// last line of what is signed.
std::string signature_parameters(std::span<const SignedComponent> components,
                                 std::span<const SignatureParameter> parameters);

// A line for each component, and one for the parameters.
std::string signature_base(std::span<const SignedComponent> components, std::string_view parameters);

// What our own signatures cover of a request to `hub`, in the order of docs/protocol/signatures.md.
std::vector<SignedComponent> covered_components(const Url& hub, const Signable& request);

// As sign_request(), with the nonce given: 32 lower-case hexadecimal digits.
HttpFields sign_request_with(const KeyPair& key, const Url& hub, const Signable& request, std::int64_t now_s,
                             std::string_view nonce);

}  // namespace kachery
