// What people want to know of a place on this machine when something is wrong with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/error.h"

namespace kachery {

struct PathFacts {
  unsigned owner;           // The user's number.
  unsigned mode;            // Permission bits, with set-group-ID.
  std::string file_system;  // "ext4", "nfs", ...; in hexadecimal where the name is not known here.
};

// Of what lies at `path`, symbolic links followed. Errors of the system's.
Result<PathFacts> path_facts(const std::filesystem::path& path);

// Which file lies somewhere, whatever is in it.
struct FileIdentity {
  std::uint64_t device;
  std::uint64_t inode;

  bool operator==(const FileIdentity&) const = default;
};

// Nothing if there is none. Does not open it: closing a file that is open as a database, too, would give that
// one's locks away.
std::optional<FileIdentity> file_identity(const std::filesystem::path& path);

}  // namespace kachery
