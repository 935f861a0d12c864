#include "wire/codec.h"

#include "core/text.h"

namespace kachery::wire {
namespace {

// What every JSON implementation keeps exactly.
constexpr std::int64_t kIntegerMax = (std::int64_t{1} << 53) - 1;

}  // namespace

std::unexpected<Error> fail_member(const std::string& where, std::string_view expected) {
  return fail(Code::invalid,
              "the message is not understood: " +
                  (where.empty() ? "it" : "\"" + printable(where.substr(0, 100)) + "\"") + " ought " +
                  (expected.starts_with("to ") || expected.starts_with("not ") ? "" : "to be ") +
                  std::string(expected));
}

std::string place_in(const std::string& where, std::string_view name) {
  std::string place = where;
  if (!place.empty()) place += '.';
  return place.append(name);
}

Result<bool> Codec<bool>::from_json(const json::Value& value, const std::string& where) {
  const bool* found = value.if_bool();
  if (found == nullptr) return fail_member(where, "true or false");
  return *found;
}

Result<std::int64_t> Codec<std::int64_t>::from_json(const json::Value& value, const std::string& where) {
  const auto found = value.as_int64();
  if (!found || *found > kIntegerMax || *found < -kIntegerMax)
    return fail_member(where, "an integer within +-(2^53-1)");
  return *found;
}

Result<std::uint64_t> Codec<std::uint64_t>::from_json(const json::Value& value, const std::string& where) {
  const auto found = value.as_uint64();
  if (!found || *found > static_cast<std::uint64_t>(kIntegerMax))
    return fail_member(where, "an integer from 0 to 2^53-1");
  return *found;
}

Result<std::string> Codec<std::string>::from_json(const json::Value& value, const std::string& where) {
  const std::string* found = value.if_string();
  if (found == nullptr) return fail_member(where, "text");
  return *found;
}

json::Value Codec<Digest>::to_json(const Digest& value) {
  return std::string(algorithm_name(value.algorithm())) + ":" + value.hex();
}

Result<Digest> Codec<Digest>::from_json(const json::Value& value, const std::string& where) {
  const std::string* text = value.if_string();
  if (text == nullptr) return fail_member(where, "a digest");
  const std::size_t colon = std::min(text->find(':'), text->size());
  const auto algorithm = algorithm_named(std::string_view(*text).substr(0, colon));
  if (!algorithm || colon == text->size()) return fail_member(where, "sha1:HASH or sha256:HASH");
  return Digest::parse(*algorithm, std::string_view(*text).substr(colon + 1));
}

Result<NodeId> Codec<NodeId>::from_json(const json::Value& value, const std::string& where) {
  const std::string* text = value.if_string();
  if (text == nullptr) return fail_member(where, "a node ID");
  return NodeId::parse(*text);
}

json::Value Codec<Roles>::to_json(Roles value) {
  json::Array words;
  for (const std::string_view word : value.words()) words.emplace_back(word);
  return words;
}

Result<Roles> Codec<Roles>::from_json(const json::Value& value, const std::string& where) {
  const json::Array* array = value.if_array();
  if (array == nullptr || array->size() > Roles::all().words().size())
    return fail_member(where, "a list of roles, each once");
  Roles roles;
  for (const json::Value& element : *array) {
    const std::string* word = element.if_string();
    if (word == nullptr) return fail_member(where, "a list of roles");
    KACHERY_TRY(role, Roles::parse_word(*word));
    if (!(roles & role).empty()) return fail_member(where, "a list of roles, each once");
    roles = roles | role;
  }
  return roles;
}

Result<Code> Codec<Code>::from_json(const json::Value& value, const std::string& where) {
  const std::string* text = value.if_string();
  const auto code = text == nullptr ? std::nullopt : code_named(*text);
  if (!code) return fail_member(where, "one of our codes");
  return *code;
}

}  // namespace kachery::wire
