#include "store/walk.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "os/parallel.h"
#include "store/layout.h"

namespace kachery {
namespace {

constexpr std::string_view kGen1Suffix = ".link";

std::string below(std::string path, const std::string& name) {
  path += '/';
  path += name;
  return path;
}

// What is in a directory, by name; nothing if it is not there (any more).
Result<std::vector<Entry>> entries_of(const Directory& root, const std::string& path) {
  Result<std::vector<Entry>> entries = root.list(path);
  if (!entries && entries.error().code == Code::not_found) return std::vector<Entry>();
  if (entries) std::ranges::sort(*entries, {}, &Entry::name);
  return entries;
}

Result<std::vector<std::string>> directories_in(const Directory& root, const std::string& path) {
  KACHERY_TRY(entries, entries_of(root, path));
  std::vector<std::string> names;
  for (const Entry& entry : entries)
    if (entry.kind == EntryKind::directory) names.push_back(entry.name);
  return names;
}

// What a file at `path` is, if it lies at its place.
std::optional<std::pair<Digest, Lying>> recognize(std::string_view path) {
  if (path.ends_with(kGen1Suffix)) {
    const auto digest = digest_of_path(path.substr(0, path.size() - kGen1Suffix.size()));
    if (digest) return std::pair(*digest, Lying::gen1_link_record);
    return std::nullopt;
  }
  const auto digest = digest_of_path(path);
  if (!digest) return std::nullopt;
  return std::pair(*digest, path.starts_with(kLinks) ? Lying::link_record : Lying::object);
}

// Everything below a directory of the second level, such as sha1/ab/cd.
Result<> collect(const Directory& root, const std::string& path, std::vector<Walked>& found) {
  KACHERY_TRY(thirds, directories_in(root, path));
  for (const std::string& third : thirds) {
    const std::string leaf = below(path, third);
    KACHERY_TRY(entries, entries_of(root, leaf));
    for (const Entry& entry : entries) {
      const std::string place = below(leaf, entry.name);
      const auto recognized = recognize(place);
      if (!recognized) continue;
      const auto [digest, what] = *recognized;
      if (entry.kind != EntryKind::file) {
        if (what == Lying::object) found.push_back({digest, Lying::no_file, {}});
        continue;
      }
      const Result<FileStamp> stamp = root.stamp(place);
      if (!stamp && stamp.error().code == Code::not_found) continue;
      if (!stamp) return std::unexpected(stamp.error());
      found.push_back({digest, what, *stamp});
    }
  }
  return {};
}

}  // namespace

Result<> walk(const Directory& root, std::size_t threads,
              const std::function<Result<>(const Walked&)>& visit) {
  for (const std::string& prefix : {std::string(), std::string(kLinks) + "/"}) {
    for (const Algorithm algorithm : kAlgorithms) {
      const std::string tree = prefix + std::string(algorithm_name(algorithm));
      KACHERY_TRY(firsts, directories_in(root, tree));
      for (const std::string& first : firsts) {
        const std::string above = below(tree, first);
        KACHERY_TRY(seconds, directories_in(root, above));
        std::vector<std::vector<Walked>> parts(seconds.size());
        KACHERY_TRY(parallel_for(seconds.size(), threads, [&](std::size_t i) {
          return collect(root, below(above, seconds[i]), parts[i]);
        }));
        for (const auto& part : parts)
          for (const Walked& walked : part) KACHERY_TRY(visit(walked));
      }
    }
  }
  return {};
}

}  // namespace kachery
