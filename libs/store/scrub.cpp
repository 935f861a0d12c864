// Store::scrub: reads everything that is claimed to be here, and believes nothing that was remembered.
#include <algorithm>
#include <mutex>

#include "os/parallel.h"
#include "store/layout.h"
#include "store/pump.h"
#include "store/store.h"
#include "store/walk.h"

namespace kachery {
namespace {

// Everything that is claimed to be here.
Result<> collect_all(const Directory& root, std::size_t threads, std::vector<Digest>& objects,
                     std::vector<Digest>& links) {
  KACHERY_TRY(walk(root, threads, [&](const Walked& walked) -> Result<> {
    const bool in_place_of_object = walked.what == Lying::object || walked.what == Lying::no_file;
    (in_place_of_object ? objects : links).push_back(walked.digest);
    return {};
  }));
  std::ranges::sort(links);  // Two records of one link are one link.
  links.erase(std::ranges::unique(links).begin(), links.end());
  return {};
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

// Makes the object again from a linked file that has the content now: that file's path, if there is one.
Result<std::optional<std::filesystem::path>> Store::repair(const Digest& digest, Progress& progress) {
  std::vector<std::string> unused;
  for (const OpenLink& link : links_.open(digest, unused)) {
    KACHERY_TRY(fault, check_content(*link.file, digest, progress));
    if (fault) continue;
    const auto source = stream_of(*link.file);
    KACHERY_TRY(stored, put(*source, digest.algorithm(), progress));
    if (stored.digest == digest) return link.record.path;
  }
  return std::nullopt;
}

Result<ScrubReport> Store::scrub(std::span<const Digest> only, Progress& progress) {
  std::vector<Digest> objects(only.begin(), only.end());
  std::vector<Digest> links(only.begin(), only.end());
  if (only.empty()) {
    KACHERY_TRY(collect_all(root_, threads_, objects, links));
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
    std::optional<FileStamp> seen;
    if (file) {
      KACHERY_TRY(stamp, (*file)->stamp());
      KACHERY_TRY(wrong, check_content(**file, objects[i], progress));
      size = stamp.size;
      seen = stamp;
      fault = std::move(wrong);
    } else {
      fault = file.error().message;  // A folder, a link, a pipe.
    }
    bool repaired = false;
    if (fault) {
      KACHERY_TRY(intake_.quarantine(objects[i], seen ? &*seen : nullptr));
      KACHERY_TRY(source, repair(objects[i], progress));
      if (source) *fault += "; copied anew from " + source->native();
      repaired = source.has_value();
    }
    const std::scoped_lock lock(report_mutex);
    object_seen[i] = true;
    ++report.objects;
    report.bytes += size;
    if (fault) (repaired ? report.repaired : report.damaged).push_back({objects[i], *std::move(fault)});
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
