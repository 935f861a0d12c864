// Whatever parses as JSON prints, and what is printed parses to an equal value and prints the same again.
#include "json/json.h"

#include <cstddef>
#include <cstdint>

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto escaped : {json::EscapedBytes::no, json::EscapedBytes::yes}) {
    const auto value = json::parse(text, escaped);
    if (!value) continue;
    const std::string printed = value->str();
    const auto again = json::parse(printed, json::EscapedBytes::yes);
    KACHERY_ASSERT(again && again->str() == printed);
  }
  return 0;
}
