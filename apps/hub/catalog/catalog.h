// Catalog: everything that a hub knows but the bytes: users, nodes, zones, resources, channels, files,
// uploads. docs/formats/catalog.md.
#pragma once

#include <filesystem>
#include <memory>

#include "hub/access/access.h"
#include "hub/catalog/channels.h"
#include "hub/catalog/files.h"
#include "hub/catalog/people.h"
#include "hub/catalog/resources.h"
#include "hub/catalog/upkeep.h"
#include "hub/catalog/uploads.h"
#include "hub/catalog/usage.h"
#include "hub/catalog/zones.h"

namespace kachery::hub {

// Blocking and thread-safe. `now_ms` is always the hub's time. Codes: not_found and exists as they say,
// invalid for what cannot be, exhausted for quotas.
class Catalog {
 public:
  // Opens or makes the database. Code::invalid if a newer program made it.
  static Result<std::unique_ptr<Catalog>> open(const std::filesystem::path& path);

  // A snapshot for `authorize`.
  Result<Facts> facts();

  People& people() { return people_; }
  Zones& zones() { return zones_; }
  Resources& resources() { return resources_; }
  Channels& channels() { return channels_; }
  Files& files() { return files_; }
  Uploads& uploads() { return uploads_; }
  Upkeep& upkeep() { return upkeep_; }
  UsageLedger& usage() { return usage_; }

 private:
  explicit Catalog(Database database);

  Connection connection_;
  People people_{connection_};
  Zones zones_{connection_};
  Resources resources_{connection_};
  Channels channels_{connection_};
  Files files_{connection_};
  Uploads uploads_{connection_};
  Upkeep upkeep_{connection_};
  UsageLedger usage_{connection_};
};

}  // namespace kachery::hub
