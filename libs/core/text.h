// Text from outside: UTF-8 checks, percent-encoding (RFC 3986 section 2.1), and printing of what is not
// printable.
#pragma once

#include <string>
#include <string_view>

namespace kachery {

// The length of the well-formed UTF-8 sequence (RFC 3629) at the start of `text`, or 0 if there is none.
std::size_t utf8_sequence_size(std::string_view text);

bool is_utf8(std::string_view text);

// Whether `text` starts with a control character (C0, DEL, or C1 in UTF-8) or a line separator (U+2028,
// U+2029).
bool starts_with_control(std::string_view text);

// Encodes every byte but letters, digits and `safe`: Python's urllib.parse.quote with safe="_.-~" + safe.
std::string percent_encode(std::string_view text, std::string_view safe);

// A '%' that two hexadecimal digits do not follow stays as it is: older programs print labels unencoded.
std::string percent_decode(std::string_view text);

// For messages: control characters, line separators, and bytes that are not UTF-8, as \xNN; so a name cannot
// forge a line.
std::string printable(std::string_view text);

}  // namespace kachery
