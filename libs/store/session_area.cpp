#include "store/session_area.h"

#include "os/random.h"

namespace kachery {
namespace {

constexpr std::string_view kPrefix = "session-";

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

Temporary& Temporary::operator=(Temporary&& other) noexcept {
  std::swap(root_, other.root_);
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(owner_, other.owner_);
  return *this;
}

Temporary::~Temporary() {
  if (!path_.empty() && owner_ == ::getpid()) static_cast<void>(root_->remove(path_));
}

SessionArea::~SessionArea() {
  if (path_.empty() || owner_ != ::getpid()) return;
  static_cast<void>(root_.remove(path_ + "/lock"));
  static_cast<void>(root_.remove_directory(path_));
}

Result<Temporary> SessionArea::create(Access access) {
  KACHERY_TRY(begin());
  std::string path = path_ + "/" + std::to_string(next_++);
  KACHERY_TRY(file, root_.create(path, access));
  return Temporary(root_, std::move(path), std::move(file));
}

Result<> SessionArea::begin() {
  const std::scoped_lock guard(mutex_);
  if (lock_) return {};
  KACHERY_TRY(make_if_missing(root_, "tmp"));
  reap_abandoned();
  const std::string path = "tmp/" + std::string(kPrefix) + random_hex(8);
  KACHERY_TRY(root_.make_directory(path));
  path_ = path;
  KACHERY_TRY(lock, root_.lock(path + "/lock"));
  lock_ = std::move(lock);
  return {};
}

void SessionArea::reap_abandoned() {
  const Result<std::vector<Entry>> entries = root_.list("tmp");
  if (!entries) return;
  const std::int64_t age_max = root_.can_sync_all() ? kReapAfterNs : kReapAfterUnsureNs;
  for (const Entry& entry : *entries) {
    if (entry.kind != EntryKind::directory || !entry.name.starts_with(kPrefix)) continue;
    const std::string path = "tmp/" + entry.name;
    const Result<FileStamp> begun = root_.stamp(path + "/lock");
    if (!begun) {
      // Its process may be just about to make the file. If it was killed before that, the age counts from now
      // on.
      static_cast<void>(root_.create(path + "/lock", Access::read_only));
      continue;
    }
    if (clock_.now_ns() - begun->mtime_ns < age_max) continue;
    const Result<std::unique_ptr<Lock>> lock = root_.lock(path + "/lock");
    if (!lock) continue;  // Alive, or somebody else's.
    const Result<std::vector<Entry>> left = root_.list(path);
    if (!left) continue;
    for (const Entry& file : *left)
      if (file.name != "lock") static_cast<void>(root_.remove(path + "/" + file.name));
    static_cast<void>(root_.remove(path + "/lock"));
    static_cast<void>(root_.remove_directory(path));
  }
}

}  // namespace kachery
