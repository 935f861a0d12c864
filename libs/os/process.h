// What this process may hold, and what its machine is called.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/error.h"

namespace kachery {

// Lets this process open as many files and connections as it may be allowed (RLIMIT_NOFILE, up to the hard
// limit), and gives how many that are.
std::uint64_t raise_open_files_limit();

// For programs that run for weeks: memory that was freed goes back to the machine instead of staying behind
// in an arena of each thread. Before the first thread begins.
void keep_memory_small();

std::int64_t process_id();

// Asks a process of ours to end (SIGTERM). Code::not_found if there is none of this ID, Code::denied if it is
// somebody else's.
Result<> ask_to_end(std::int64_t process);

// Of the program that runs here.
Result<std::filesystem::path> program_path();

// The name of this machine; "localhost" if it has none.
std::string host_name();

}  // namespace kachery
