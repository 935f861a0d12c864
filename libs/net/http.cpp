#include "net/http.h"

#include <algorithm>
#include <array>

namespace kachery {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

std::string_view method_name(Method method) {
  constexpr std::array<std::string_view, 6> kNames{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
  return kNames.at(static_cast<std::size_t>(method));
}

const std::string* HttpFields::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(fields_, [&](const HttpField& field) { return same_name(field.name, name); });
  return found == fields_.end() ? nullptr : &found->value;
}

std::size_t HttpFields::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [&](const HttpField& field) { return same_name(field.name, name); }));
}

void HttpFields::add(const HttpFields& more) {
  fields_.insert(fields_.end(), more.begin(), more.end());
}

}  // namespace kachery
