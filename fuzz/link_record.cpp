// A link record that is accepted names an absolute path, and, written anew, says the same.
#include "store/link_record.h"

#include <cstddef>
#include <cstdint>

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Digest kDigest = *Digest::parse(Algorithm::sha1, "6af826b3d648ccba6b4bbe58e93e22add640d728");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto record = LinkRecord::parse(text, kDigest)) {
    KACHERY_ASSERT(record->path.is_absolute() && !record->path.native().contains('\0'));
    if (record->stamp) {
      const auto again = LinkRecord::parse(record->str(), kDigest);
      KACHERY_ASSERT(again && again->path == record->path && again->stamp == record->stamp);
    }
  }
  if (const auto record = LinkRecord::parse_gen1(text, kDigest)) KACHERY_ASSERT(record->path.is_absolute());
  return 0;
}
