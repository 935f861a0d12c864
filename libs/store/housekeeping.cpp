#include "store/housekeeping.h"

#include <algorithm>

#include "os/publish.h"
#include "store/layout.h"
#include "store/partial.h"
#include "store/pump.h"
#include "store/walk.h"

namespace kachery {
namespace {

// The gate is closed for so many deletions at a time: a few milliseconds.
constexpr std::size_t kEvictBatch = 128;

}  // namespace

struct Housekeeping::Candidate {
  ObjectEntry entry;
  FileStamp stamp;
};

ObjectEntry Housekeeping::entry_of(const Digest& digest, const FileStamp& stamp) const {
  const ObjectNote note = parts_.notes == nullptr ? ObjectNote{} : parts_.notes->find(digest, stamp);
  return {digest, stamp.size, note.origin, std::max(note.used_ns, stamp.ctime_ns)};
}

Result<> Housekeeping::list(const std::function<Result<>(const ObjectEntry&)>& on_object,
                            const std::function<Result<>(const LinkRecord&)>& on_link,
                            Progress& progress) const {
  return walk(parts_.root, parts_.threads, [&](const Walked& walked) -> Result<> {
    if (progress.cancel) return fail_cancelled();
    ++progress.items_done;
    if (walked.what == Lying::no_file) return {};
    if (walked.what == Lying::object) return on_object(entry_of(walked.digest, walked.stamp));
    // Of two records of one link, kachery_cloud's says more.
    const bool gen1 = walked.what == Lying::gen1_link_record;
    if (gen1 && parts_.root.stamp(link_path(walked.digest))) return {};
    const Result<LinkRecord> record = parts_.links.read_record(walked.digest, gen1);
    return record ? on_link(*record) : Result<>();
  });
}

Result<Tally> Housekeeping::tally_of(const std::string& path, int levels) const {
  Tally tally;
  const Result<std::vector<Entry>> entries = parts_.root.list(path);
  if (!entries && entries.error().code == Code::not_found) return tally;
  if (!entries) return std::unexpected(entries.error());
  for (const Entry& entry : *entries) {
    const std::string below = path + "/" + entry.name;
    if (entry.kind == EntryKind::directory && levels > 0) {
      KACHERY_TRY(inner, tally_of(below, levels - 1));
      tally.count += inner.count;
      tally.bytes += inner.bytes;
    } else if (entry.kind == EntryKind::file && !entry.name.ends_with(".lock")) {
      if (const Result<FileStamp> stamp = parts_.root.stamp(below)) tally.add(stamp->size);
    }
  }
  return tally;
}

Result<Usage> Housekeeping::usage(Progress& progress) const {
  Usage usage;
  KACHERY_TRY(list(
      [&](const ObjectEntry& object) -> Result<> {
        (object.origin == Origin::own ? usage.own : usage.fetched).add(object.size);
        return {};
      },
      [&](const LinkRecord& link) -> Result<> {
        usage.links.add(link.size);
        return {};
      },
      progress));
  KACHERY_TRY(quarantine, tally_of(std::string(kQuarantine), 0));
  KACHERY_TRY(unfinished, tally_of("tmp", 1));
  KACHERY_TRY(partial, tally_of(std::string(kPartials), 1));
  unfinished.count += partial.count;
  unfinished.bytes += partial.bytes;
  KACHERY_TRY(gen1_trash, tally_of("sha1-trash", 3));
  usage.quarantine = quarantine;
  usage.unfinished = unfinished;
  usage.gen1_trash = gen1_trash;
  return usage;
}

// The folders of an object that nothing else lies in. Who publishes makes them again.
void Housekeeping::remove_empty_directories(const std::string& path) {
  std::string directory = parent_of(path);
  for (int level = 0; level < 3; ++level, directory = parent_of(directory))
    if (!parts_.root.remove_directory(directory)) return;
}

Result<Removed> Housekeeping::remove(const Digest& digest, const Progress& progress) {
  KACHERY_TRY(closed, parts_.gate.close(progress));
  Removed removed;
  const auto take_away = [&](const std::string& path) -> Result<bool> {
    Result<> gone = parts_.root.remove(path);
    if (!gone && gone.error().code == Code::not_found) return false;
    if (!gone) return std::unexpected(std::move(gone).error());
    remove_empty_directories(path);
    return true;
  };
  const Result<FileStamp> stamp = parts_.root.stamp(object_path(digest));
  KACHERY_TRY(object, take_away(object_path(digest)));
  removed.object = object;
  if (object && stamp) removed.size = stamp->size;
  for (const std::string& path : {link_path(digest), gen1_link_path(digest)}) {
    KACHERY_TRY(link, take_away(path));
    removed.links += link ? 1 : 0;
  }
  if (parts_.notes != nullptr) parts_.notes->forget({&digest, 1});
  if (!removed.object && removed.links == 0)
    return fail(Code::not_found, std::string(algorithm_name(digest.algorithm())) + "://" + digest.hex() +
                                     ": neither stored nor linked in " + parts_.root.name());
  return removed;
}

Result<std::vector<Housekeeping::Candidate>> Housekeeping::candidates(const CollectWish& wish,
                                                                      Collected& collected,
                                                                      Progress& progress) const {
  const std::int64_t young_since_ns = parts_.clock.now_ns() - wish.age_min_ns;
  std::vector<Candidate> candidates;
  const auto look = [&](const Walked& walked) -> Result<> {
    if (progress.cancel) return fail_cancelled();
    if (walked.what != Lying::object) return {};
    ++progress.items_done;
    const ObjectEntry entry = entry_of(walked.digest, walked.stamp);
    collected.before.add(entry.size);
    if (entry.origin == Origin::own && !wish.own) return {};
    if (entry.used_ns > young_since_ns) {
      collected.young.add(entry.size);
    } else {
      candidates.push_back({entry, walked.stamp});
    }
    return {};
  };
  KACHERY_TRY(walk(parts_.root, parts_.threads, look));
  std::ranges::sort(candidates, {}, [](const Candidate& one) { return one.entry.used_ns; });
  return candidates;
}

// Deletes those that nobody has used since they were looked at.
Result<std::vector<ObjectEntry>> Housekeeping::evict(std::span<const Candidate> batch,
                                                     const Progress& progress) {
  KACHERY_TRY(closed, parts_.gate.close(progress));
  std::vector<ObjectEntry> evicted;
  std::vector<Digest> digests;
  for (const auto& [entry, seen] : batch) {
    const std::string path = object_path(entry.digest);
    const Result<FileStamp> now = parts_.root.stamp(path);
    if (!now || *now != seen || entry_of(entry.digest, *now).used_ns != entry.used_ns) continue;
    KACHERY_TRY(parts_.root.remove(path));
    remove_empty_directories(path);
    evicted.push_back(entry);
    digests.push_back(entry.digest);
  }
  if (parts_.notes != nullptr) parts_.notes->forget(digests);
  return evicted;
}

Result<Collected> Housekeeping::collect(const CollectWish& wish,
                                        const std::function<Result<>(const ObjectEntry&)>& on_evicted,
                                        Progress& progress) {
  if (!wish.dry_run) {
    parts_.area.clear_abandoned();
    reap_partials(parts_.root, parts_.clock);
  }
  Collected collected;
  KACHERY_TRY(all, candidates(wish, collected, progress));
  if (!wish.limit) return collected;

  ByteCount left = collected.before.bytes;
  for (std::size_t begin = 0; begin < all.size() && left > *wish.limit;) {
    if (progress.cancel) return fail_cancelled();
    std::size_t end = begin;
    ByteCount going = 0;
    while (end < all.size() && end - begin < kEvictBatch && left - going > *wish.limit)
      going += all[end++].entry.size;
    std::vector<ObjectEntry> evicted;
    if (wish.dry_run) {
      for (std::size_t i = begin; i < end; ++i) evicted.push_back(all[i].entry);
    } else {
      KACHERY_TRY(gone, evict(std::span(all).subspan(begin, end - begin), progress));
      evicted = std::move(gone);
    }
    for (const ObjectEntry& entry : evicted) {
      left -= entry.size;
      collected.evicted.add(entry.size);
      KACHERY_TRY(on_evicted(entry));
    }
    begin = end;
  }
  return collected;
}

}  // namespace kachery
