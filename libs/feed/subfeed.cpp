#include "feed/subfeed.h"

#include "core/text.h"
#include "crypto/hasher.h"

namespace kachery::feed {

std::string SubfeedId::str() const {
  return FeedUri{feed, "~" + hash.hex()}.str();
}

Result<Digest> subfeed_hash(std::string_view name) {
  if (name.empty()) return fail(Code::invalid, "the name of a subfeed cannot be empty");
  if (!is_utf8(name))
    return fail(Code::invalid, "the name of a subfeed has to be UTF-8, and is not: " + printable(name));
  if (!name.starts_with('~')) return Hasher::of(Algorithm::sha1, as_bytes(name));
  const Result<Digest> hash = Digest::parse(Algorithm::sha1, name.substr(1));
  if (hash) return *hash;
  return fail(Code::invalid, "no name of a subfeed: \"" + printable(name) +
                                 "\": behind \"~\" stands the hash of one, 40 hexadecimal digits");
}

Result<SubfeedId> subfeed_id(const FeedUri& uri) {
  if (!uri.subfeed)
    return fail(Code::invalid, uri.str() + " names a feed and none of its subfeeds: feed://ID/NAME does");
  KACHERY_TRY(hash, subfeed_hash(*uri.subfeed));
  return SubfeedId{uri.feed, hash};
}

}  // namespace kachery::feed
