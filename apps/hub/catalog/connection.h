// Connection: the one open database of a catalog, and whose turn it is.
#pragma once

#include <mutex>

#include "db/database.h"

namespace kachery::hub {

// Whoever uses `database` holds `mutex`.
struct Connection {
  std::mutex mutex;
  Database database;
};

}  // namespace kachery::hub
