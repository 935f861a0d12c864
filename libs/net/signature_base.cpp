#include "net/signature_base.h"

#include <fmt/format.h>

#include <array>

namespace kachery {
namespace {

std::string content_digest(const Digest& body) {
  return fmt::format("sha-256=:{}:", to_base64(body.bytes()));
}

}  // namespace

std::string component_list(std::span<const SignedComponent> components) {
  std::string out = "(";
  for (const SignedComponent& component : components)
    out += fmt::format("{}\"{}\"", out.size() == 1 ? "" : " ", component.name);
  return out + ")";
}

std::string signature_parameters(std::span<const SignedComponent> components,
                                 std::span<const SignatureParameter> parameters) {
  std::string out = component_list(components);
  for (const auto& [name, value] : parameters) {
    if (const auto* number = std::get_if<std::int64_t>(&value))
      out += fmt::format(";{}={}", name, *number);
    else
      out += fmt::format(";{}=\"{}\"", name, std::get<std::string_view>(value));
  }
  return out;
}

std::string signature_base(std::span<const SignedComponent> components, std::string_view parameters) {
  std::string out;
  for (const auto& [name, value] : components) out += fmt::format("\"{}\": {}\n", name, value);
  return out + fmt::format("\"@signature-params\": {}", parameters);
}

std::vector<SignedComponent> covered_components(const Url& hub, const Signable& request) {
  std::vector<SignedComponent> covered{{"@method", std::string(method_name(request.method))},
                                       {"@authority", hub.authority()},
                                       {"@path", hub.prefix + request.path},
                                       {"@query", "?" + request.query}};
  if (request.body) covered.push_back({"content-digest", content_digest(*request.body)});
  if (request.upgrade.size() != 0) {
    for (const std::string_view name : {"sec-websocket-key", "sec-websocket-protocol"}) {
      const std::string* value = request.upgrade.find(name);
      KACHERY_ASSERT(value != nullptr);
      covered.push_back({name, *value});
    }
  }
  return covered;
}

HttpFields sign_request_with(const KeyPair& key, const Url& hub, const Signable& request, std::int64_t now_s,
                             std::string_view nonce) {
  const std::string key_id = key.node_id().hex();
  const std::array<SignatureParameter, 5> parameters{{{"created", now_s},
                                                      {"keyid", std::string_view(key_id)},
                                                      {"nonce", nonce},
                                                      {"alg", "ed25519"},
                                                      {"tag", "kachery"}}};
  const std::vector<SignedComponent> covered = covered_components(hub, request);
  const std::string input = signature_parameters(covered, parameters);
  const Signature signature = key.sign(as_bytes(signature_base(covered, input)));

  HttpFields fields;
  if (request.body) fields.add("Content-Digest", content_digest(*request.body));
  fields.add("Signature-Input", "sig=" + input);
  fields.add("Signature", fmt::format("sig=:{}:", to_base64(signature)));
  return fields;
}

}  // namespace kachery
