// How a message becomes JSON and comes back: each struct lists its members once, and that list is all there
// is.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "core/names.h"
#include "core/node_id.h"
#include "core/roles.h"
#include "json/json.h"

namespace kachery::wire {

// A member of a message: its name in JSON, and where it is in the struct.
template <class Message, class Member>
struct Field {
  const char* name;
  Member Message::* member;
};

// The list of a message's members, in the order of the struct:
//   static constexpr auto kFields = fields("zone", &Find::zone, "digests", &Find::digests);
template <class Message, class Member>
constexpr auto fields(const char* name, Member Message::* member) {
  return std::tuple(Field<Message, Member>{name, member});
}
template <class Message, class Member, class... Rest>
constexpr auto fields(const char* name, Member Message::* member, Rest... rest) {
  return std::tuple_cat(fields(name, member), fields(rest...));
}

template <class T>
concept HasFields = requires { T::kFields; };

// One member's type, in both directions. `where` names the member, for messages. Every number is an integer
// within
// +-(2^53-1).
template <class T>
struct Codec;

template <class T>
json::Value to_json(const T& value) {
  return Codec<T>::to_json(value);
}

template <class T>
Result<T> from_json(const json::Value& value, const std::string& where) {
  return Codec<T>::from_json(value, where);
}

std::unexpected<Error> fail_member(const std::string& where, std::string_view expected);

// How messages call the member `name` of what is at `where`.
std::string place_in(const std::string& where, std::string_view name);

// A message as one line of JSON; null for what is absent.
template <HasFields T>
std::string print(const T& message) {
  return to_json(message).str();
}

// Strict: exactly the members of the struct, each of its type. Code::invalid, with a message that names the
// place.
template <HasFields T>
Result<T> parse(std::string_view text) {
  Result<json::Value> value = json::parse(text);
  if (!value) return fail(Code::invalid, "not JSON that can be used: " + value.error().message);
  return from_json<T>(*value, "");
}

// --- The types of members

template <>
struct Codec<bool> {
  static json::Value to_json(bool value) { return value; }
  static Result<bool> from_json(const json::Value& value, const std::string& where);
};

template <>
struct Codec<std::int64_t> {
  static json::Value to_json(std::int64_t value) { return value; }
  static Result<std::int64_t> from_json(const json::Value& value, const std::string& where);
};

template <>
struct Codec<std::uint64_t> {
  static json::Value to_json(std::uint64_t value) { return value; }
  static Result<std::uint64_t> from_json(const json::Value& value, const std::string& where);
};

template <>
struct Codec<std::string> {
  static json::Value to_json(const std::string& value) { return value; }
  static Result<std::string> from_json(const json::Value& value, const std::string& where);
};

// "sha1:<40 digits>", "sha256:<64 digits>".
template <>
struct Codec<Digest> {
  static json::Value to_json(const Digest& value);
  static Result<Digest> from_json(const json::Value& value, const std::string& where);
};

template <>
struct Codec<NodeId> {
  static json::Value to_json(const NodeId& value) { return value.hex(); }
  static Result<NodeId> from_json(const json::Value& value, const std::string& where);
};

template <>
struct Codec<Code> {
  static json::Value to_json(Code value) { return code_name(value); }
  static Result<Code> from_json(const json::Value& value, const std::string& where);
};

// ["requestFiles","provideFiles"]: in the order of Role where we print it, in any where we read it.
template <>
struct Codec<Roles> {
  static json::Value to_json(Roles value);
  static Result<Roles> from_json(const json::Value& value, const std::string& where);
};

template <class Kind>
struct Codec<Name<Kind>> {
  static json::Value to_json(const Name<Kind>& value) { return value.str(); }
  static Result<Name<Kind>> from_json(const json::Value& value, const std::string& where) {
    const std::string* text = value.if_string();
    if (text == nullptr) return fail_member(where, "text");
    return Name<Kind>::parse(*text);
  }
};

// An absent value is null; the member is always there.
template <class T>
struct Codec<std::optional<T>> {
  static json::Value to_json(const std::optional<T>& value) {
    return value ? wire::to_json(*value) : json::Value();
  }
  static Result<std::optional<T>> from_json(const json::Value& value, const std::string& where) {
    if (value.is_null()) return std::optional<T>();
    KACHERY_TRY(parsed, wire::from_json<T>(value, where));
    return std::optional<T>(std::move(parsed));
  }
};

// A member that is left out where it is absent, because older programs do so (wire/legacy/), or do not know
// it. Never null.
template <class T>
struct Omissible : std::optional<T> {
  using std::optional<T>::optional;
};

template <class T>
struct Codec<Omissible<T>> {
  static json::Value to_json(const Omissible<T>& value) { return wire::to_json(*value); }
  static Result<Omissible<T>> from_json(const json::Value& value, const std::string& where) {
    KACHERY_TRY(parsed, wire::from_json<T>(value, where));
    return Omissible<T>(std::move(parsed));
  }
};

template <class T>
constexpr bool kIsOmissible = false;
template <class T>
constexpr bool kIsOmissible<Omissible<T>> = true;

// How many elements a list of a message may have; a longer one is refused while it is read.
constexpr std::size_t kListSizeMax = 20'000;

template <class T>
struct Codec<std::vector<T>> {
  static json::Value to_json(const std::vector<T>& values) {
    json::Array array;
    array.reserve(values.size());
    for (const T& value : values) array.push_back(wire::to_json(value));
    return array;
  }
  static Result<std::vector<T>> from_json(const json::Value& value, const std::string& where) {
    const json::Array* array = value.if_array();
    if (array == nullptr) return fail_member(where, "a list");
    if (array->size() > kListSizeMax) return fail_member(where, "a list of up to 20,000");
    std::vector<T> values;
    values.reserve(array->size());
    for (std::size_t i = 0; i < array->size(); ++i) {
      KACHERY_TRY(parsed, wire::from_json<T>((*array)[i], where + "[" + std::to_string(i) + "]"));
      values.push_back(std::move(parsed));
    }
    return values;
  }
};

// A message within a message, or the whole.
template <HasFields T>
struct Codec<T> {
  static json::Value to_json(const T& message) {
    json::Object object;
    const auto put = [&]<class Member>(const Field<T, Member>& field) {
      const Member& value = message.*field.member;
      if constexpr (kIsOmissible<Member>)
        if (!value) return;
      object.emplace_back(field.name, wire::to_json(value));
    };
    std::apply([&](const auto&... field) { (put(field), ...); }, T::kFields);
    return object;
  }

  static Result<T> from_json(const json::Value& value, const std::string& where) {
    return build(value, where, std::make_index_sequence<std::tuple_size_v<decltype(T::kFields)>>());
  }

 private:
  // Reads one member into `out`; after a failure it does nothing.
  template <class Member>
  static void read(const json::Value& value, const std::string& where, const Field<T, Member>& field,
                   std::optional<Member>& out, std::optional<Error>& failure) {
    if (failure) return;
    const std::string place = place_in(where, field.name);
    const json::Value* found = value.find(field.name);
    if constexpr (kIsOmissible<Member>) {
      if (found == nullptr) {
        out.emplace();
        return;
      }
    }
    Result<Member> parsed =
        found != nullptr ? wire::from_json<Member>(*found, place) : fail_member(place, "to be there");
    if (parsed) {
      out.emplace(*std::move(parsed));
    } else {
      failure = std::move(parsed).error();
    }
  }

  template <class Member>
  static std::optional<Member> slot(const Field<T, Member>&) {
    return std::nullopt;
  }

  template <std::size_t... I>
  static Result<T> build(const json::Value& value, const std::string& where, std::index_sequence<I...>) {
    const json::Object* object = value.if_object();
    if (object == nullptr) return fail_member(where, "an object");
    for (const auto& [name, unused] : *object) {
      if (!((name == std::get<I>(T::kFields).name) || ...))
        return fail_member(place_in(where, name), "not to be there");
    }
    std::optional<Error> failure;
    std::tuple slots{slot(std::get<I>(T::kFields))...};
    (read(value, where, std::get<I>(T::kFields), std::get<I>(slots), failure), ...);
    if (failure) return std::unexpected(*std::move(failure));
    return T{*std::move(std::get<I>(slots))...};
  }
};

}  // namespace kachery::wire
