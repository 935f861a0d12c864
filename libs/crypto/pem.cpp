#include "crypto/pem.h"

#include <sodium.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace kachery {
namespace {

// What a file of one kind has around the 32 bytes of its key: the lines, and the key's description in DER
// (docs/formats/keys.md).
struct Form {
  std::string_view begin;
  std::string_view end;
  std::string_view der_prefix_hex;
  std::size_t base64_size;
};

constexpr Form kPublic{"-----BEGIN PUBLIC KEY-----\n", "\n-----END PUBLIC KEY-----",
                       "302a300506032b6570032100", 60};
constexpr Form kPrivate{"-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----",
                        "302e020100300506032b657004220420", 64};
constexpr std::size_t kKeySize = 32;

std::vector<std::byte> der_prefix(const Form& form) {
  std::vector<std::byte> prefix(form.der_prefix_hex.size() / 2);
  KACHERY_ASSERT(from_hex(form.der_prefix_hex, prefix));
  return prefix;
}

Secret print(const Form& form, ByteView key) {
  const std::vector<std::byte> prefix = der_prefix(form);
  Secret der(prefix.size() + kKeySize);
  std::ranges::copy(key, std::ranges::copy(prefix, der.bytes().begin()).out);

  Secret text(form.begin.size() + form.base64_size + form.end.size() + 1);
  auto* out = reinterpret_cast<char*>(text.bytes().data());
  out = std::ranges::copy(form.begin, out).out;
  // The library ends its text with a zero, which the next line replaces.
  sodium_bin2base64(out, form.base64_size + 1, reinterpret_cast<const unsigned char*>(der.bytes().data()),
                    der.bytes().size(), sodium_base64_VARIANT_ORIGINAL);
  out = std::ranges::copy(form.end, out + form.base64_size).out;
  *out = '\n';
  return text;
}

// The 32 bytes, or nothing. What they print as must be the text: so nothing is left to how strict the library
// is, which takes some bytes that are not base64.
std::optional<Secret> parse(const Form& form, std::string_view text) {
  if (text.size() < form.begin.size() + form.base64_size) return std::nullopt;
  const std::string_view body = text.substr(form.begin.size(), form.base64_size);
  Secret der(form.der_prefix_hex.size() / 2 + kKeySize);
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(der.bytes().data()), der.bytes().size(), body.data(),
                        body.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      size != der.bytes().size())
    return std::nullopt;
  Secret key(ByteView(der.bytes()).last(kKeySize));
  const Secret printed = print(form, key.bytes());
  const std::string_view with_newline = printed.text();
  if (text != with_newline && text != with_newline.substr(0, with_newline.size() - 1)) return std::nullopt;
  return key;
}

}  // namespace

std::string public_pem(const NodeId& key) {
  return std::string(print(kPublic, key.bytes()).text());
}

Secret private_pem(const KeyPair& pair) {
  return print(kPrivate, pair.seed());
}

Result<NodeId> parse_public_pem(std::string_view text) {
  const auto bytes = parse(kPublic, text);
  if (!bytes) return fail(Code::corrupt, "not an ed25519 public key in PEM form");
  NodeId::Key key{};
  std::ranges::copy(bytes->bytes(), key.begin());
  return NodeId(key);
}

Result<KeyPair> parse_private_pem(std::string_view text) {
  const auto seed = parse(kPrivate, text);
  if (!seed) return fail(Code::corrupt, "not an ed25519 private key in PEM form");
  return KeyPair(seed->bytes());
}

}  // namespace kachery
