// What the older commands for content share with the new ones.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "command.h"

namespace kachery::cli {

using Paths = std::span<const std::filesystem::path>;

// Copies into the store, or links to files, with progress on standard error.
Result<std::vector<Stored>> store_content(Context& context, Paths paths, Algorithm algorithm,
                                          Origin origin = Origin::own);
Result<std::vector<Stored>> link_content(Context& context, Paths paths, Algorithm algorithm);

// Finds what `name` stands for, and puts a copy at `destination` unless that is empty; the path is then that.
Result<Located> load_content(Context& context, const std::string& name, const std::string& destination,
                             const Sources& sources = {});

// The same without a path: what there is of it can be read.
Result<Located> open_content(Context& context, const std::string& name, const Sources& sources = {});

// Where a part of the content begins and ends; nothing stands for its own ends.
struct Range {
  std::optional<ByteCount> start;
  std::optional<ByteCount> end;
};

// Writes a part of what was found under `name` to standard output.
Result<> write_range(Context& context, const Located& located, const std::string& name, const Range& asked);

}  // namespace kachery::cli
