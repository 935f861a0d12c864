// Randomness from the kernel.
#pragma once

#include <string>

namespace kachery {

// `bytes` random bytes in hexadecimal: names that nobody guesses. At most 128 bytes.
std::string random_hex(std::size_t bytes);

}  // namespace kachery
