// Taking the spaces out of JSON text.
#include "json/json.h"

namespace kachery::json {

Result<std::string> compact(std::string_view text) {
  KACHERY_TRY(parse(text));
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      out += c;
      out += text[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || !std::string_view(" \t\r\n").contains(c)) out += c;
  }
  return out;
}

}  // namespace kachery::json
