#include "net/signing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "net/signature_base.h"
#include "os/random.h"

namespace kachery {
namespace {

constexpr std::size_t kNonceDigits = 32;
constexpr std::size_t kCreatedDigitsMax = 15;
// An attacker chooses how much text a message would show.
constexpr std::size_t kShownMax = 200;

std::string shown(std::string_view text) {
  return printable(text.substr(0, kShownMax)) + (text.size() > kShownMax ? "..." : "");
}

std::unexpected<Error> refuse(const RequestHead& head, std::string_view why) {
  return fail(Code::denied,
              fmt::format("{} {} is refused: {}", method_name(head.method), shown(head.path), why));
}

// The field, if it is there once.
Result<std::string> only(const RequestHead& head, std::string_view name) {
  const std::string* value = head.fields.find(name);
  if (value == nullptr) return refuse(head, fmt::format("it is not signed: the field {} is missing", name));
  if (head.fields.count(name) != 1) return refuse(head, fmt::format("the field {} is there twice", name));
  return *value;
}

// Everything that becomes a line of what is signed. So no value can look like another line.
bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// What stands between the two, if they are there.
std::optional<std::string_view> between(std::string_view text, std::string_view begin, std::string_view end) {
  if (text.size() < begin.size() + end.size() || !text.starts_with(begin) || !text.ends_with(end))
    return std::nullopt;
  return text.substr(begin.size(), text.size() - begin.size() - end.size());
}

Result<std::optional<Digest>> parse_content_digest(const RequestHead& head) {
  if (head.fields.find("content-digest") == nullptr) return std::nullopt;
  KACHERY_TRY(text, only(head, "Content-Digest"));
  std::array<std::byte, 32> hash{};
  const auto base64 = between(text, "sha-256=:", ":");
  if (!base64 || !from_base64(*base64, hash))
    return refuse(head,
                  fmt::format("its Content-Digest is '{}', not sha-256=:...: with the base64 of 32 bytes",
                              shown(text)));
  return Digest(Algorithm::sha256, hash);
}

// What the signature must be about, as the request itself says.
Result<Signable> parse_signable(const RequestHead& head) {
  KACHERY_TRY(body, parse_content_digest(head));
  Signable signable{.method = head.method, .path = head.path, .query = head.query, .body = body};
  constexpr std::array<std::string_view, 2> kUpgrade{"Sec-WebSocket-Key", "Sec-WebSocket-Protocol"};
  if (std::ranges::any_of(kUpgrade, [&](auto name) { return head.fields.find(name) != nullptr; })) {
    for (const std::string_view name : kUpgrade) {
      KACHERY_TRY(value, only(head, name));
      if (!is_printable_ascii(value)) return refuse(head, fmt::format("its {} is malformed", name));
      signable.upgrade.add(std::string(name), std::move(value));
    }
  }
  if (!head.path.starts_with('/') || !is_printable_ascii(head.path) || !is_printable_ascii(head.query))
    return refuse(head, "its path or its query is malformed");
  return signable;
}

struct SignatureFields {
  NodeId node;
  std::int64_t created_s;
  std::string nonce;
  std::string_view parameters;  // As they are written; of the field's text.
  Signature signature;
};

// Cuts off `literal` and then what stands before the next `end`, which must be there.
std::optional<std::string_view> take(std::string_view& rest, std::string_view literal, char end) {
  if (!rest.starts_with(literal)) return std::nullopt;
  rest.remove_prefix(literal.size());
  const std::size_t size = rest.find(end);
  if (size == rest.npos) return std::nullopt;
  const std::string_view value = rest.substr(0, size);
  rest.remove_prefix(size);
  return value;
}

std::optional<std::int64_t> parse_created(std::string_view text) {
  std::int64_t created = 0;
  if (text.empty() || text.size() > kCreatedDigitsMax || (text.size() > 1 && text.front() == '0') ||
      !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  static_cast<void>(std::from_chars(text.begin(), text.end(), created));
  return created;
}

// `input` and `signature` are the fields' texts; `components` is the one list that is right.
Result<SignatureFields> parse_signature(const RequestHead& head, std::string_view input,
                                        std::string_view signature, std::string_view components) {
  if (!input.starts_with(fmt::format("sig={};", components)))
    return refuse(head,
                  fmt::format("its Signature-Input is '{}', where one signature called sig was due, which "
                              "covers {}",
                              shown(input), components));
  const std::string_view parameters = input.substr(std::string_view("sig=").size());
  std::string_view rest = parameters.substr(components.size());
  const auto created = take(rest, ";created=", ';');
  const auto key = take(rest, ";keyid=\"", '"');
  const auto nonce = take(rest, "\";nonce=\"", '"');
  const auto created_s = created ? parse_created(*created) : std::nullopt;
  const auto node = NodeId::parse(key.value_or(""));
  std::array<std::byte, kNonceDigits / 2> nonce_bytes{};
  if (!created_s || !node || !from_hex(nonce.value_or(""), nonce_bytes) ||
      rest != "\";alg=\"ed25519\";tag=\"kachery\"")
    return refuse(head, fmt::format("the parameters of its signature are '{}', where exactly "
                                    "created=SECONDS;keyid=\"NODE ID\";nonce=\"32 DIGITS\";alg=\"ed25519\";"
                                    "tag=\"kachery\" was due",
                                    shown(parameters.substr(components.size()))));
  SignatureFields fields{*node, *created_s, std::string(*nonce), parameters, {}};
  const auto base64 = between(signature, "sig=:", ":");
  if (!base64 || !from_base64(*base64, fields.signature))
    return refuse(head, "its field Signature is not sig=:...: with the base64 of 64 bytes");
  return fields;
}

std::unexpected<Error> refuse_signature(const RequestHead& head, std::span<const Url> public_urls) {
  std::string addresses;
  for (const Url& url : public_urls) addresses += (addresses.empty() ? "" : ", ") + url.str();
  const std::string* host = head.fields.find("host");
  return refuse(head,
                fmt::format("its signature does not hold for {}. Requests are signed for the address that "
                            "the client is configured with; this one names the host '{}'. Use one of those "
                            "addresses, or start the hub with --public-url and the one that is used",
                            addresses.empty() ? "any address: the hub knows none of its own" : addresses,
                            host == nullptr ? "" : shown(*host)));
}

}  // namespace

HttpFields sign_request(const KeyPair& key, const Url& hub, const Signable& request, std::int64_t now_s) {
  return sign_request_with(key, hub, request, now_s, random_hex(kNonceDigits / 2));
}

Result<SignedBy> verify_request(const RequestHead& head, std::span<const Url> public_urls) {
  KACHERY_TRY(input, only(head, "Signature-Input"));
  KACHERY_TRY(signature, only(head, "Signature"));
  KACHERY_TRY(signable, parse_signable(head));
  // The list of names is the same for each address.
  const Url anywhere{.secure = true, .host = {}, .port = 443, .prefix = {}, .pin = {}};
  const std::string components = component_list(covered_components(anywhere, signable));
  KACHERY_TRY(fields, parse_signature(head, input, signature, components));

  const bool holds = std::ranges::any_of(public_urls, [&](const Url& url) {
    const std::string base = signature_base(covered_components(url, signable), fields.parameters);
    return verify(fields.node, as_bytes(base), fields.signature);
  });
  if (!holds) return refuse_signature(head, public_urls);
  return SignedBy{fields.node, fields.created_s, std::move(fields.nonce), signable.body};
}

bool is_signed(const RequestHead& head) {
  return head.fields.find("signature-input") != nullptr || head.fields.find("signature") != nullptr;
}

}  // namespace kachery
