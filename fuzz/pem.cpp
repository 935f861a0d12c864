// Whatever parses as a key file prints as the same text, but for the last newline.
#include "crypto/pem.h"

#include <cstddef>
#include <cstdint>

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto prints_as_it_was = [&](std::string_view printed) {
    return printed == text || printed.substr(0, printed.size() - 1) == text;
  };
  if (const auto id = parse_public_pem(text)) KACHERY_ASSERT(prints_as_it_was(public_pem(*id)));
  if (const auto pair = parse_private_pem(text)) KACHERY_ASSERT(prints_as_it_was(private_pem(*pair).text()));
  return 0;
}
