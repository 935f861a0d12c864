// What the older commands for content share with the new ones.
#pragma once

#include <optional>
#include <string>

#include "command.h"

namespace kachery::cli {

// Where a part of the content begins and ends; nothing stands for its own ends.
struct Range {
  std::optional<ByteCount> start;
  std::optional<ByteCount> end;
};

// Writes a part of what was found under `name` to standard output.
Result<> write_range(Context& context, const Located& located, const std::string& name, const Range& asked);

}  // namespace kachery::cli
