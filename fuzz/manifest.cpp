// Whatever parses as a manifest, or as a page of one, prints as the same text: its name is its hash.
#include "chunk/manifest.h"

#include <cstddef>
#include <cstdint>

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = Manifest::parse(text)) {
    KACHERY_ASSERT(manifest->str() == text);
    ByteCount total = 0;
    for (const Manifest::Page& page : manifest->pages) total += page.size;
    KACHERY_ASSERT(total == manifest->size);
  }
  if (const auto page = ManifestPage::parse(text)) KACHERY_ASSERT(page->str() == text);
  return 0;
}
