// Canonical text parses to the value it was made from, as doubles count, and is its own canonical text.
#include <cstddef>
#include <cstdint>

#include "json/json.h"

using namespace kachery;
using json::Value;

namespace {

bool equal(const Value& one, const Value& other) {
  if (const auto* array = one.if_array()) {
    const auto* others = other.if_array();
    if (others == nullptr || others->size() != array->size()) return false;
    for (std::size_t i = 0; i < array->size(); ++i)
      if (!equal((*array)[i], (*others)[i])) return false;
    return true;
  }
  if (const auto* object = one.if_object()) {
    if (other.if_object() == nullptr || other.if_object()->size() != object->size()) return false;
    for (const auto& [key, value] : *object) {
      const Value* counterpart = other.find(key);
      if (counterpart == nullptr || !equal(value, *counterpart)) return false;
    }
    return true;
  }
  return one.as_double() ? one.as_double() == other.as_double() : one == other;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = json::parse(text);
  if (!value) return 0;
  const std::string printed = json::canonical(*value);
  const auto again = json::parse(printed);
  KACHERY_ASSERT(again && equal(*value, *again) && json::canonical(*again) == printed);
  // An exact text stays exact in its canonical form, unless a large number was written with an exponent.
  if (!json::integers_are_exact(text)) return 0;
  KACHERY_ASSERT(text.find_first_of(".eE") != std::string_view::npos || json::integers_are_exact(printed));
  return 0;
}
