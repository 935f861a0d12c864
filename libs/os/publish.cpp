#include "os/publish.h"

#include <algorithm>
#include <set>

#include "os/parallel.h"

namespace kachery {
namespace {

// Up to here one sync a file is cheaper than two of the whole file system, whatever else is unwritten on it.
constexpr std::size_t kSyncEachMax = 16;

Result<> make_directories(Directory& root, const std::string& path) {
  if (path.empty()) return {};
  Result<> made = root.make_directory(path);
  if (made || made.error().code == Code::exists) return {};
  if (made.error().code != Code::not_found) return made;
  KACHERY_TRY(make_directories(root, parent_of(path)));
  made = root.make_directory(path);
  if (made || made.error().code == Code::exists) return {};
  return made;
}

Result<Published> rename_into_place(Directory& root, const Publication& item) {
  Result<> renamed = root.rename(item.temporary, item.path, item.replace);
  if (!renamed && renamed.error().code == Code::not_found) {
    KACHERY_TRY(make_directories(root, parent_of(item.path)));
    renamed = root.rename(item.temporary, item.path, item.replace);
  }
  if (renamed) return Published::created;
  if (renamed.error().code == Code::exists && item.replace == Replace::no) return Published::existed;
  return std::unexpected(std::move(renamed).error());
}

Result<> sync_directories_above(Directory& root, std::span<const std::string> paths) {
  std::set<std::string, std::greater<>> directories;  // Deeper ones first: "a/b" before "a" before "".
  for (const std::string& path : paths) {
    std::string directory = path;
    do {
      directory = parent_of(directory);
      directories.insert(directory);
    } while (!directory.empty());
  }
  for (const std::string& directory : directories) KACHERY_TRY(root.sync_directory(directory));
  return {};
}

}  // namespace

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

Sync sync_for(const Directory& root, std::size_t count) {
  return count > kSyncEachMax && root.can_sync_all() ? Sync::together : Sync::each;
}

Result<std::vector<Published>> publish(Directory& root, std::span<const Publication> publications, Sync sync,
                                       std::size_t threads) {
  if (publications.empty()) return {};
  if (sync == Sync::together) KACHERY_TRY(root.sync_all());

  std::vector<Published> outcomes(publications.size());
  const auto publish_one = [&](std::size_t i) -> Result<> {
    KACHERY_TRY(outcome, rename_into_place(root, publications[i]));
    outcomes[i] = outcome;
    return {};
  };
  KACHERY_TRY(parallel_for(publications.size(), threads, publish_one));

  if (sync == Sync::together) {
    KACHERY_TRY(root.sync_all());
    return outcomes;
  }
  std::vector<std::string> created;
  for (std::size_t i = 0; i < publications.size(); ++i)
    if (outcomes[i] == Published::created) created.push_back(publications[i].path);
  KACHERY_TRY(sync_directories_above(root, created));
  return outcomes;
}

Result<> make_durable(Directory& root, std::span<const std::string> paths, Sync sync) {
  if (paths.empty()) return {};
  if (sync == Sync::together) return root.sync_all();
  for (const std::string& path : paths) {
    KACHERY_TRY(file, root.open(path));
    KACHERY_TRY(file->sync());
  }
  return sync_directories_above(root, paths);
}

}  // namespace kachery
