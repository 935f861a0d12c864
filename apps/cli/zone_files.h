// What a zone holds, for `ls` and `rm`.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "command.h"

namespace kachery::cli {

// Tells of each file in the zone: only those that this node's user stored, or all, which takes an admin.
Result<> list_zone(Context& context, const std::optional<ZoneName>& zone, bool mine,
                   const std::function<Result<>(const wire::ListedFile&)>& on_file);

struct Removing {
  std::optional<ZoneName> zone = {};
  bool everybody = false;  // For all who stored it, which takes an admin.
};

// For each, whether there was something to remove.
Result<std::vector<bool>> remove_from_zone(Context& context, std::span<const Digest> digests,
                                           const Removing& removing);

}  // namespace kachery::cli
