// Which log: a subfeed of a feed, by its hash; and how that comes from its name, as the first generation did
// it.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/feed_uri.h"

namespace kachery::feed {

struct SubfeedId {
  FeedId feed;
  Digest hash;  // SHA-1.

  // feed://ID/~HASH.
  std::string str() const;

  auto operator<=>(const SubfeedId&) const = default;
};

// "~" and 40 digits stand for that hash itself (names that are JSON and no text are written so); anything
// else for the SHA-1 of its UTF-8. Code::invalid for an empty name, one that is not UTF-8, or "~" before
// anything else than a hash.
Result<Digest> subfeed_hash(std::string_view name);

// Code::invalid where the URI names no subfeed.
Result<SubfeedId> subfeed_id(const FeedUri& uri);

}  // namespace kachery::feed
