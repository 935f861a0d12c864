// Fetcher: files of a zone become objects of our store. docs/formats/manifests.md.
#pragma once

#include <span>

#include "client/arrivals.h"
#include "client/zone.h"
#include "store/partial.h"
#include "store/store.h"

namespace kachery {

// Thread-safe; blocks. Only what has the right hash becomes an object, marked as fetched; what was
// interrupted goes on where it was. Takes up to 64 MiB of memory, whatever the sizes.
class Fetcher {
 public:
  // The store outlives it.
  Fetcher(const Zone& zone, Store& store) : zone_(zone), store_(store) {}

  // What the zone said it has. Code::corrupt if the hub sends something else; Code::exhausted if the disk is
  // full, and nothing is left of it then; Code::unavailable, Code::cancelled, which leave what came so far.
  Result<> fetch(const wire::FoundFile& file, Progress& progress) const;

  // What is still coming to the zone, as it comes. True: it is an object now. False: the zone has it, and it
  // is to be fetched as usual, because not all of that could be used. Failures also as of the outcome of
  // `arrivals`, which leave what came so far.
  Result<bool> fetch_arriving(const Digest& digest, Arrivals& arrivals, Progress& progress) const;

  // Many, the small ones many at a time. A failure tells of the first one, after the others.
  Result<> fetch_many(std::span<const wire::FoundFile> files, Progress& progress) const;

 private:
  Result<> fetch_small(const wire::FoundFile& file, Progress& progress) const;
  Result<> fetch_batch(std::span<const wire::FoundFile> files, Failures& failures, Progress& progress) const;
  Result<> fetch_into(Partial& partial, const wire::FoundFile& file, Progress& progress) const;
  Result<> fetch_one_chunk(Partial& partial, const wire::FoundFile& file, remote::Reread reread,
                           Progress& progress) const;
  Result<> fetch_chunks(Partial& partial, const wire::FoundFile& file, Progress& progress) const;

  Zone zone_;
  Store& store_;
};

}  // namespace kachery
