// Health: what kachery doctor looks at. A check changes nothing.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "client/session.h"

namespace kachery::cli {

enum class Status { ok, warning, error };

struct Check {
  std::string name;  // Of one check, such as "directory-mode".
  Status status;
  std::string what;       // What was looked at, and what was found.
  std::string todo = {};  // What to do; empty where nothing is.
};

using Checks = std::vector<Check>;

// The settings files and the variables; also where `configuration` could not be made of them.
Checks check_settings(const Result<Configuration>& configuration);

// The store's directory, and what lies in it.
Checks check_store(const Configuration& configuration);

// The hub, if one is configured: whether it answers, knows this node, and what that may do in the zone. Asks
// it; everything else here looks at this machine only.
Checks check_hub(Session& session, Progress& progress);

// The channels of this node, and its daemon, where it provides there.
Checks check_channels(Session& session, Progress& progress);
// Why no node of a channel gives a file: for each channel, what is missing.
Checks explain_channels(Session& session, const Digest& digest, Progress& progress);

// Where the content of these URIs is.
Checks check_names(Session& session, std::span<const std::string> names, Progress& progress);

// The files of our Python packages, and who else claims their names, beside the program at `program`.
Checks check_installation(const std::filesystem::path& program);

}  // namespace kachery::cli
