#include "core/roles.h"

#include <algorithm>
#include <array>

#include "core/text.h"

namespace kachery {
namespace {

// In the order of Role.
constexpr std::array<std::string_view, 6> kWords{"requestFiles", "provideFiles", "requestFeeds",
                                                 "provideFeeds", "requestTasks", "provideTasks"};

std::string all_words() {
  std::string text;
  for (const std::string_view word : kWords) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

std::unexpected<Error> fail_no_role(std::string_view text, std::string_view besides) {
  return fail(Code::invalid, "not a role: \"" + printable(text.substr(0, 100)) + "\"; the roles are " +
                                 all_words() + std::string(besides));
}

std::optional<Role> role_named(std::string_view word) {
  const auto* found = std::ranges::find(kWords, word);
  if (found == kWords.end()) return std::nullopt;
  return static_cast<Role>(found - kWords.begin());
}

}  // namespace

std::string_view role_word(Role role) {
  return kWords.at(static_cast<std::size_t>(role));
}

Result<Roles> Roles::parse_word(std::string_view word) {
  const auto role = role_named(word);
  if (!role) return fail_no_role(word, "");
  return Roles{*role};
}

Result<Roles> Roles::parse(std::string_view text) {
  if (text == "request") return requesting();
  if (text == "provide") return providing();
  if (text == "all") return all();
  const auto role = role_named(text);
  if (!role) return fail_no_role(text, "; \"request\", \"provide\" and \"all\" stand for several");
  return Roles{*role};
}

Result<Roles> Roles::from_number(std::int64_t number) {
  if (number < 0 || number > all().number())
    return fail(Code::corrupt, "the number " + std::to_string(number) + " stands for no roles");
  return Roles(static_cast<unsigned>(number));
}

std::vector<std::string_view> Roles::words() const {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < kWords.size(); ++i)
    if (has(static_cast<Role>(i))) words.push_back(kWords[i]);
  return words;
}

std::string Roles::str() const {
  std::string text;
  for (const std::string_view word : words()) text.append(text.empty() ? "" : ", ").append(word);
  return text.empty() ? "none" : text;
}

}  // namespace kachery
