// FeedId, the name of a feed, which is its public key; and FeedUri, how people write down a feed or a
// subfeed.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "core/node_id.h"

namespace kachery {

// A value. Its key is ed25519's, like a node's, but a feed is no node.
class FeedId {
 public:
  explicit FeedId(const NodeId& key) : key_(key) {}

  // Exactly 64 lower-case hexadecimal digits, or Code::invalid.
  static Result<FeedId> parse(std::string_view hex);

  // What verifies its signatures.
  const NodeId& key() const { return key_; }
  ByteView bytes() const { return key_.bytes(); }
  std::string hex() const { return key_.hex(); }

  auto operator<=>(const FeedId&) const = default;

 private:
  NodeId key_;
};

// feed://ID, or feed://ID/NAME: NAME is percent-encoded, but for "/".
struct FeedUri {
  FeedId feed;
  std::optional<std::string> subfeed = {};  // Decoded; not empty.

  // Code::invalid for anything else, with a message that shows the text.
  static Result<FeedUri> parse(std::string_view text);

  std::string str() const;

  bool operator==(const FeedUri&) const = default;
};

}  // namespace kachery
