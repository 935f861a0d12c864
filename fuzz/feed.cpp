// Whatever parses of a feed prints as the same bytes: what is signed, and what is given to others, has one
// form.
#include <cstddef>
#include <cstdint>

#include "feed/proof.h"
#include "feed/tile.h"

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto entry = feed::Entry::parse(text)) KACHERY_ASSERT(entry->str() == text);
  if (const auto key = feed::NoteKey::parse(text)) KACHERY_ASSERT(key->str() == text);
  if (const auto uri = FeedUri::parse(text)) KACHERY_ASSERT(FeedUri::parse(uri->str()).value() == *uri);
  if (const auto entries = feed::split_bundle(text)) {
    std::string bundle;
    for (const std::string_view entry : *entries) feed::append_to_bundle(bundle, entry);
    KACHERY_ASSERT(bundle == text);
  }
  if (const auto proof = feed::InclusionProof::parse(text)) {
    KACHERY_ASSERT(proof->str() == text);
    static_cast<void>(feed::check(*proof));
  }
  if (const auto proof = feed::ConsistencyProof::parse(text)) {
    KACHERY_ASSERT(proof->str() == text);
    static_cast<void>(feed::check(*proof, proof->checkpoint));
  }
  return 0;
}
