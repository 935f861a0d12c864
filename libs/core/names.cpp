#include "core/names.h"

#include <algorithm>

#include "core/text.h"

namespace kachery {
namespace {

constexpr std::size_t kNameSizeMax = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameSizeMax && is_letter_or_digit(text.front()) &&
         std::ranges::all_of(
             text, [](char c) { return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-'; });
}

}  // namespace

template <class Kind>
Result<Name<Kind>> Name<Kind>::parse(std::string_view text) {
  if (is_name(text)) return Name(std::string(text));
  return fail(Code::invalid,
              "not the name of a " + std::string(Kind::kWhat) + ": \"" + printable(text.substr(0, 200)) +
                  "\" (it begins with a letter or a digit, and has up to 63 letters, digits, '_', '.', '-')");
}

template class Name<ZoneKind>;
template class Name<UserKind>;
template class Name<ResourceKind>;
template class Name<ChannelKind>;

}  // namespace kachery
