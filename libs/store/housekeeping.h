// Housekeeping: what is in a store, how much of it, and how it goes away.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/progress.h"
#include "os/clock.h"
#include "os/directory.h"
#include "store/gate.h"
#include "store/links.h"
#include "store/object_notes.h"
#include "store/session_area.h"

namespace kachery {

struct ObjectEntry {
  Digest digest;
  ByteCount size;
  Origin origin;
  std::int64_t used_ns;  // When it was stored or last loaded, since 1970; as far as it is known.
};

struct Tally {
  std::uint64_t count = 0;
  ByteCount bytes = 0;

  void add(ByteCount size) {
    ++count;
    bytes += size;
  }
};

struct Usage {
  Tally own;         // Objects that the user kept.
  Tally fetched;     // Objects that can be had again.
  Tally links;       // Records; the bytes are those of the files they name, which lie elsewhere.
  Tally quarantine;  // Damaged objects, put aside.
  Tally unfinished;  // Files in tmp/ and partial/.
  Tally gen1_trash;  // What gen1's daemon evicted and never deleted.
};

struct CollectWish {
  std::optional<ByteCount> limit = {};               // Of all objects together; none: nothing is evicted.
  bool own = false;                                  // Evict the user's own files, too.
  bool dry_run = false;                              // Only say what would go.
  std::int64_t age_min_ns = 3600LL * 1'000'000'000;  // Younger, or more recently used, objects stay.
};

struct Collected {
  Tally before;   // All objects.
  Tally evicted;  // Of these.
  Tally young;    // That could have gone, but for their age.
};

struct Removed {
  bool object = false;
  std::uint64_t links = 0;
  ByteCount size = 0;  // Of the object.
};

// All of it outlives the housekeeping; `notes` may be null.
struct HousekeepingParts {
  Directory& root;
  const Links& links;
  SessionArea& area;
  const Gate& gate;
  ObjectNotes* notes;
  const Clock& clock;
  std::size_t threads;
};

// Thread-safe. Deleting goes on beside stores and loads of other processes: what they acknowledge stays.
class Housekeeping {
 public:
  explicit Housekeeping(const HousekeepingParts& parts) : parts_(parts) {}

  // Every object, then every link record that can be read, in the order of their digests.
  Result<> list(const std::function<Result<>(const ObjectEntry&)>& on_object,
                const std::function<Result<>(const LinkRecord&)>& on_link, Progress& progress) const;

  Result<Usage> usage(Progress& progress) const;

  // Deletes the object and the link records, never a linked file itself. Code::not_found if there is neither.
  Result<Removed> remove(const Digest& digest, const Progress& progress);

  // Clears away what killed processes left; then, while the objects are larger than the limit, deletes those
  // that were used longest ago, of what was fetched. `on_evicted` is told of each.
  Result<Collected> collect(const CollectWish& wish,
                            const std::function<Result<>(const ObjectEntry&)>& on_evicted,
                            Progress& progress);

 private:
  struct Candidate;

  ObjectEntry entry_of(const Digest& digest, const FileStamp& stamp) const;
  Result<Tally> tally_of(const std::string& path, int levels) const;
  Result<std::vector<Candidate>> candidates(const CollectWish& wish, Collected& collected,
                                            Progress& progress) const;
  Result<std::vector<ObjectEntry>> evict(std::span<const Candidate> batch, const Progress& progress);
  void remove_empty_directories(const std::string& path);

  HousekeepingParts parts_;
};

}  // namespace kachery
