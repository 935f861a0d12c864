// Whatever parses as a URI prints, and what is printed parses to the same value and is one line.
#include "core/uri.h"

#include <cstddef>
#include <cstdint>

using kachery::LabelStyle;
using kachery::Uri;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto uri = Uri::parse({reinterpret_cast<const char*>(data), size});
  if (!uri) return 0;
  for (const LabelStyle style : {LabelStyle::path, LabelStyle::query}) {
    const std::string text = uri->str(style);
    const auto again = Uri::parse(text);
    KACHERY_ASSERT(again && *again == *uri);
    KACHERY_ASSERT(!text.contains('\n') && !text.contains('\0'));
  }
  return 0;
}
