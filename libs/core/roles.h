// Roles: what a node is granted, or wants, or both, in a channel. The words are those of the first
// generation.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kachery {

enum class Role : std::uint8_t {
  request_files,
  provide_files,
  request_feeds,
  provide_feeds,
  request_tasks,
  provide_tasks,
};

// "requestFiles", and so on.
std::string_view role_word(Role role);

// A set of roles. A value.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= bit(role);
  }
  static constexpr Roles requesting() {
    return {Role::request_files, Role::request_feeds, Role::request_tasks};
  }
  static constexpr Roles providing() {
    return {Role::provide_files, Role::provide_feeds, Role::provide_tasks};
  }
  static constexpr Roles all() { return requesting() | providing(); }

  // One role by its word, as messages have them. Code::invalid, with a message that names all six.
  static Result<Roles> parse_word(std::string_view word);
  // Likewise, and what people may type for several: "request", "provide", "all".
  static Result<Roles> parse(std::string_view text);
  // Of the number that number() gave; Code::corrupt for any other.
  static Result<Roles> from_number(std::int64_t number);

  constexpr bool has(Role role) const { return (bits_ & bit(role)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  // In the order of Role.
  std::vector<std::string_view> words() const;
  // For people: "requestFiles, provideFiles"; "none".
  std::string str() const;
  // To be kept: bit i is set for the role with the number i. docs/formats/catalog.md.
  constexpr std::int64_t number() const { return bits_; }

  friend constexpr Roles operator|(Roles one, Roles other) { return Roles(one.bits_ | other.bits_); }
  friend constexpr Roles operator&(Roles one, Roles other) { return Roles(one.bits_ & other.bits_); }
  // Those of the first that are not among the second.
  friend constexpr Roles operator-(Roles one, Roles other) { return Roles(one.bits_ & ~other.bits_); }
  friend constexpr bool operator==(Roles, Roles) = default;

 private:
  explicit constexpr Roles(unsigned bits) : bits_(bits) {}
  static constexpr unsigned bit(Role role) { return 1U << static_cast<unsigned>(role); }

  unsigned bits_ = 0;
};

}  // namespace kachery
