#include "daemon/daemon_place.h"

#include <fmt/format.h>

#include <thread>

#include "os/replacement.h"
#include "os/secret_file.h"

namespace kachery::daemon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = "lock";
constexpr const char* kStatus = "status.json";
constexpr std::size_t kStatusBytesMax = 64 << 10;

// Somebody who only looks holds the lock for a moment.
constexpr int kTriesMax = 5;
constexpr std::chrono::milliseconds kTryEvery{50};

Result<fs::path> place_of(const Configuration& configuration) {
  KACHERY_TRY(places, key_directories(configuration));
  return places.front() / "daemon";
}

// Code::unavailable while somebody else has it.
Result<std::unique_ptr<Lock>> try_lock(Directory& root) {
  for (int tried = 1;; ++tried) {
    Result<std::unique_ptr<Lock>> lock = root.lock(kLock, Hold::alone);
    if (lock || lock.error().code != Code::unavailable || tried == kTriesMax) return lock;
    std::this_thread::sleep_for(kTryEvery);
  }
}

Result<DaemonStatus> read_status(const fs::path& place) {
  const Result<Secret> text = read_secret_file(place / kStatus, kStatusBytesMax);
  if (!text && text.error().code == Code::not_found)
    return fail(Code::unavailable, "the daemon is just beginning; ask again");
  if (!text) return std::unexpected(text.error());
  return wire::parse<DaemonStatus>(text->text());
}

}  // namespace

Result<DaemonPlace> DaemonPlace::take(const Configuration& configuration) {
  KACHERY_TRY(path, place_of(configuration));
  KACHERY_TRY(make_own_directory(path, Audience::writers));
  KACHERY_TRY(check_secret_directory(path));
  KACHERY_TRY(root, open_directory(path, Missing::fail));
  Result<std::unique_ptr<Lock>> lock = try_lock(*root);
  if (!lock && lock.error().code == Code::unavailable) {
    const Result<DaemonStatus> running = read_status(path);
    const std::string process = running ? fmt::format(", process {}", running->process) : "";
    return fail(Code::exists,
                fmt::format("a daemon of this node runs already{}: kachery daemon status shows it, "
                            "kachery daemon stop ends it",
                            process));
  }
  if (!lock) return std::unexpected(std::move(lock).error());
  // What an earlier one said is not true any more.
  const Result<> removed = root->remove(kStatus);
  if (!removed && removed.error().code != Code::not_found) return std::unexpected(removed.error());
  return DaemonPlace(std::move(path), std::move(root), *std::move(lock));
}

Result<> DaemonPlace::note(const DaemonStatus& status) const {
  KACHERY_TRY(file, replace_secret_file(path_ / kStatus));
  KACHERY_TRY(file->append(as_bytes(wire::print(status) + "\n")));
  return file->commit();
}

Result<DaemonStatus> daemon_status(const Configuration& configuration) {
  KACHERY_TRY(path, place_of(configuration));
  const auto none = [&] {
    return fail(Code::not_found,
                fmt::format("no daemon runs for the store {}; kachery daemon start starts one",
                            configuration.directory.native()));
  };
  const Result<std::unique_ptr<Directory>> root = open_directory(path, Missing::fail);
  if (!root && root.error().code == Code::not_found) return none();
  if (!root) return std::unexpected(root.error());
  const Result<std::unique_ptr<Lock>> lock = (*root)->lock(kLock, Hold::shared);
  if (lock) return none();
  if (lock.error().code != Code::unavailable) return std::unexpected(lock.error());
  return read_status(path);
}

}  // namespace kachery::daemon
