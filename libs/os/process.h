// What this process may hold, and what its machine is called.
#pragma once

#include <cstdint>
#include <string>

namespace kachery {

// Lets this process open as many files and connections as it may be allowed (RLIMIT_NOFILE, up to the hard
// limit), and gives how many that are.
std::uint64_t raise_open_files_limit();

// The name of this machine; "localhost" if it has none.
std::string host_name();

}  // namespace kachery
