#include "core/feed_uri.h"

#include "core/text.h"

namespace kachery {
namespace {

constexpr std::string_view kScheme = "feed://";

}  // namespace

Result<FeedId> FeedId::parse(std::string_view hex) {
  const Result<NodeId> key = NodeId::parse(hex);
  if (key) return FeedId(*key);
  return fail(Code::invalid,
              "no feed ID: \"" + printable(hex) + "\"; it has 64 lower-case hexadecimal digits");
}

Result<FeedUri> FeedUri::parse(std::string_view text) {
  const auto malformed = [text](std::string_view why) {
    return fail(Code::invalid, "no URI of a feed: \"" + printable(text) + "\": " + std::string(why));
  };
  if (!text.starts_with(kScheme)) return malformed("it does not begin with feed://");
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  const Result<FeedId> feed = FeedId::parse(rest.substr(0, slash));
  if (!feed) return malformed("64 lower-case hexadecimal digits have to follow, and then /NAME or nothing");
  FeedUri uri{*feed};
  if (slash == std::string_view::npos || slash + 1 == rest.size()) return uri;
  uri.subfeed = percent_decode(rest.substr(slash + 1));
  if (!is_utf8(*uri.subfeed)) return malformed("the name of its subfeed is not UTF-8");
  return uri;
}

std::string FeedUri::str() const {
  std::string text = std::string(kScheme) + feed.hex();
  if (subfeed) text += "/" + percent_encode(*subfeed, "/");
  return text;
}

}  // namespace kachery
