// What this process may hold, and what its machine is called.
#pragma once

#include <cstdint>
#include <string>

namespace kachery {

// Lets this process open as many files and connections as it may be allowed (RLIMIT_NOFILE, up to the hard
// limit), and gives how many that are.
std::uint64_t raise_open_files_limit();

// For programs that run for weeks: memory that was freed goes back to the machine instead of staying behind in
// an arena of each thread. Before the first thread begins.
void keep_memory_small();

// The name of this machine; "localhost" if it has none.
std::string host_name();

}  // namespace kachery
