#include "store/session_area.h"

#include "os/random.h"

namespace kachery {
namespace {

constexpr std::string_view kPrefix = "session-";
constexpr const char* kLockSuffix = ".lock";

// A session younger than this is not even looked at, so that nobody takes a lock away from the process that
// is about to take it. Where the locks of other hosts may not be seen, a whole day's work is given.
constexpr std::int64_t kReapAfterNs = 600LL * 1'000'000'000;
constexpr std::int64_t kReapAfterUnsureNs = 24LL * 3600 * 1'000'000'000;

Result<> make_if_missing(Directory& root, const std::string& path) {
  Result<> made = root.make_directory(path);
  if (!made && made.error().code == Code::exists) return {};
  return made;
}

}  // namespace

SessionArea::~SessionArea() {
  if (path_.empty() || owner_ != ::getpid()) return;
  static_cast<void>(root_.remove_directory(path_));
  static_cast<void>(root_.remove(path_ + kLockSuffix));
}

Result<Temporary> SessionArea::create(Access access) {
  KACHERY_TRY(begin());
  std::string path = path_ + "/" + std::to_string(next_++);
  KACHERY_TRY(file, root_.create(path, access));
  return Temporary(root_, std::move(path), std::move(file));
}

Result<> SessionArea::begin() {
  const std::scoped_lock guard(mutex_);
  if (!path_.empty()) return {};
  KACHERY_TRY(make_if_missing(root_, "tmp"));
  clear_abandoned();
  const std::string path = "tmp/" + std::string(kPrefix) + random_hex(8);
  KACHERY_TRY(lock, root_.lock(path + kLockSuffix, Hold::alone));
  lock_ = std::move(lock);
  const Result<> made = root_.make_directory(path);
  if (!made) static_cast<void>(root_.remove(path + kLockSuffix));
  if (made) path_ = path;
  return made;
}

void SessionArea::clear_abandoned() {
  const Result<std::vector<Entry>> entries = root_.list("tmp");
  if (!entries) return;
  const std::int64_t age_max = root_.can_sync_all() ? kReapAfterNs : kReapAfterUnsureNs;
  for (const Entry& entry : *entries) {
    if (!entry.name.starts_with(kPrefix) || !entry.name.ends_with(kLockSuffix)) continue;
    const std::string lock_path = "tmp/" + entry.name;
    const Result<FileStamp> begun = root_.stamp(lock_path);
    if (!begun || clock_.now_ns() - begun->mtime_ns < age_max) continue;
    const Result<std::unique_ptr<Lock>> lock = root_.lock(lock_path, Hold::alone);
    if (!lock) continue;  // Alive, or somebody else's.
    reap(lock_path.substr(0, lock_path.size() - std::string_view(kLockSuffix).size()));
    static_cast<void>(root_.remove(lock_path));
  }
  root_.remove_leftovers();
}

void SessionArea::reap(const std::string& path) {
  const Result<std::vector<Entry>> left = root_.list(path);
  if (!left) return;
  for (const Entry& file : *left) static_cast<void>(root_.remove(path + "/" + file.name));
  static_cast<void>(root_.remove_directory(path));
}

}  // namespace kachery
