// Store::scrub: reads everything that is claimed to be here, and believes nothing that was remembered.
#include <mutex>

#include "os/parallel.h"
#include "store/layout.h"
#include "store/pump.h"
#include "store/store.h"

namespace kachery {
namespace {

// The digests of all files that lie at their place under `path`, three levels of folders deep.
Result<> collect(const Directory& root, const std::string& path, int levels, std::vector<Digest>& found) {
  const Result<std::vector<Entry>> entries = root.list(path);
  if (!entries && entries.error().code == Code::not_found) return {};
  if (!entries) return std::unexpected(entries.error());
  for (const Entry& entry : *entries) {
    const std::string below = path + "/" + entry.name;
    if (levels > 0 && entry.kind == EntryKind::directory)
      KACHERY_TRY(collect(root, below, levels - 1, found));
    if (levels > 0) continue;
    if (const auto digest = digest_of_path(below)) found.push_back(*digest);
  }
  return {};
}

Result<std::vector<Digest>> collect_all(const Directory& root, const std::string& prefix) {
  std::vector<Digest> found;
  for (const Algorithm algorithm : kAlgorithms)
    KACHERY_TRY(collect(root, prefix + std::string(algorithm_name(algorithm)), 3, found));
  return found;
}

// Nothing that is remembered counts, so the bytes are hashed in any case. A sentence if they are wrong.
Result<std::optional<std::string>> check_content(const File& file, const Digest& digest, Progress& progress) {
  const auto source = stream_of(file);
  const Result<Pumped> actual = pump(*source, digest.algorithm(), progress);
  if (!actual && actual.error().code == Code::cancelled) return std::unexpected(actual.error());
  if (!actual) return actual.error().message;
  if (actual->digest != digest) return "its bytes have the hash " + actual->digest.hex();
  return std::nullopt;
}

}  // namespace

Result<ScrubReport> Store::scrub(std::span<const Digest> only, Progress& progress) {
  std::vector<Digest> objects(only.begin(), only.end());
  std::vector<Digest> links(only.begin(), only.end());
  if (only.empty()) {
    KACHERY_TRY(all_objects, collect_all(root_, ""));
    KACHERY_TRY(all_links, collect_all(root_, std::string(kLinks) + "/"));
    objects = std::move(all_objects);
    links = std::move(all_links);
  }
  progress.items_total = objects.size() + links.size();

  ScrubReport report;
  std::mutex report_mutex;
  std::vector<bool> object_seen(objects.size());
  const auto check_object = [&](std::size_t i) -> Result<> {
    ++progress.items_done;
    const Result<std::unique_ptr<File>> file = root_.open(object_path(objects[i]));
    if (!file && file.error().code == Code::not_found) return {};
    if (!file && file.error().code != Code::invalid) return std::unexpected(file.error());
    std::optional<std::string> fault;
    ByteCount size = 0;
    if (file) {
      KACHERY_TRY(stamp, (*file)->stamp());
      KACHERY_TRY(wrong, check_content(**file, objects[i], progress));
      size = stamp.size;
      fault = std::move(wrong);
    } else {
      fault = file.error().message;  // A folder, a link, a pipe.
    }
    const std::scoped_lock lock(report_mutex);
    object_seen[i] = true;
    ++report.objects;
    report.bytes += size;
    if (!fault) return {};
    KACHERY_TRY(intake_.quarantine(objects[i]));
    report.damaged.push_back({objects[i], *std::move(fault)});
    return {};
  };
  KACHERY_TRY(parallel_for(objects.size(), threads_, check_object));

  std::vector<bool> link_seen(links.size());
  const auto check_link = [&](std::size_t i) -> Result<> {
    ++progress.items_done;
    std::vector<std::string> faults;
    const std::vector<OpenLink> opened = links_.open(links[i], faults);
    for (const OpenLink& link : opened) {
      KACHERY_TRY(fault, check_content(*link.file, links[i], progress));
      if (fault) faults.push_back("the linked file " + link.record.path.native() + " has changed: " + *fault);
    }
    const std::scoped_lock lock(report_mutex);
    link_seen[i] = !opened.empty() || !faults.empty();
    if (link_seen[i]) ++report.links;
    for (std::string& fault : faults) report.stale_links.push_back({links[i], std::move(fault)});
    return {};
  };
  KACHERY_TRY(parallel_for(links.size(), threads_, check_link));

  for (std::size_t i = 0; i < only.size(); ++i)
    if (!object_seen[i] && !link_seen[i]) report.missing.push_back({only[i], "neither stored nor linked"});
  return report;
}

}  // namespace kachery
