// Walk: everything that lies where an object or a link record belongs.
#pragma once

#include <functional>

#include "core/digest.h"
#include "os/directory.h"

namespace kachery {

enum class Lying {
  object,
  no_file,  // A folder, a symbolic link or a pipe in the place of an object; it has no stamp.
  link_record,
  gen1_link_record,
};

struct Walked {
  Digest digest;
  Lying what;
  FileStamp stamp;
};

// Visits them in the order of their names: first the objects and gen1's link records, then kachery_cloud's
// link records; SHA-1 before SHA-256. What comes or goes meanwhile may be left out. Takes memory for 1/256 of
// them, and `threads` threads to look. A failure of `visit` ends the walk.
Result<> walk(const Directory& root, std::size_t threads,
              const std::function<Result<>(const Walked&)>& visit);

}  // namespace kachery
