// Names that people give to things of a hub: zones, users, resources, channels.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "core/error.h"

namespace kachery {

// A letter or a digit, then up to 62 letters, digits, '_', '.', '-'. Data, never a part of a path as it is. A
// value. `Kind` tells the names of different things apart; it says what they are called in messages.
template <class Kind>
class Name {
 public:
  // Code::invalid, with a message that shows the text.
  static Result<Name> parse(std::string_view text);

  const std::string& str() const { return text_; }

  auto operator<=>(const Name&) const = default;

 private:
  explicit Name(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

struct ZoneKind {
  static constexpr std::string_view kWhat = "zone";
};
struct UserKind {
  static constexpr std::string_view kWhat = "user";
};

struct ResourceKind {
  static constexpr std::string_view kWhat = "resource";
};

struct ChannelKind {
  static constexpr std::string_view kWhat = "channel";
};

using ZoneName = Name<ZoneKind>;
using UserName = Name<UserKind>;
using ResourceName = Name<ResourceKind>;
using ChannelName = Name<ChannelKind>;

extern template class Name<ZoneKind>;
extern template class Name<UserKind>;
extern template class Name<ResourceKind>;
extern template class Name<ChannelKind>;

}  // namespace kachery
