#include "os/memory_directory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/publish.h"

namespace kachery {

struct MemoryDirectory::Inode {
  std::vector<std::byte> bytes;
  std::vector<std::byte> durable_bytes;
  FileStamp stamp;
};

// Shares the inode with the directory's names, as an open file does: it outlives its name.
class MemoryDirectory::MemoryFile final : public File {
 public:
  MemoryFile(const MemoryDirectory& disk, std::shared_ptr<Inode> inode)
      : disk_(disk), inode_(std::move(inode)) {}

  Result<std::size_t> read_at(ByteCount offset, std::span<std::byte> out) const override {
    const std::scoped_lock lock(disk_.mutex_);
    const ByteCount size = inode_->bytes.size();
    const std::size_t count = std::min<ByteCount>(out.size(), size - std::min(size, offset));
    if (count > 0) std::memcpy(out.data(), inode_->bytes.data() + offset, count);
    return count;
  }

  Result<FileStamp> stamp() const override {
    const std::scoped_lock lock(disk_.mutex_);
    return inode_->stamp;
  }

  Result<> reserve(ByteCount) override { return {}; }

  Result<> append(ByteView bytes) override {
    const std::scoped_lock lock(disk_.mutex_);
    inode_->bytes.insert(inode_->bytes.end(), bytes.begin(), bytes.end());
    inode_->stamp.size = inode_->bytes.size();
    inode_->stamp.mtime_ns = inode_->stamp.ctime_ns = disk_.tick();
    return {};
  }

  Result<> write_at(ByteCount offset, ByteView bytes) override {
    const std::scoped_lock lock(disk_.mutex_);
    inode_->bytes.resize(std::max<std::size_t>(inode_->bytes.size(), offset + bytes.size()));
    std::ranges::copy(bytes, inode_->bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    inode_->stamp.size = inode_->bytes.size();
    inode_->stamp.mtime_ns = inode_->stamp.ctime_ns = disk_.tick();
    return {};
  }

  bool make_changes_show() const override { return true; }
  Result<bool> clone_from(const File&) override { return false; }

  Result<> sync() override {
    const std::scoped_lock lock(disk_.mutex_);
    inode_->durable_bytes = inode_->bytes;
    return {};
  }

 private:
  const MemoryDirectory& disk_;
  std::shared_ptr<Inode> inode_;
};

MemoryDirectory::MemoryDirectory() {
  now_.emplace("", nullptr);
  durable_.emplace("", nullptr);
}

MemoryDirectory::~MemoryDirectory() = default;

std::unique_ptr<MemoryDirectory> MemoryDirectory::after_power_cut(PowerCut kind) const {
  const std::scoped_lock lock(mutex_);
  auto disk = std::make_unique<MemoryDirectory>();
  disk->time_s_ = time_s_;
  disk->next_inode_ = next_inode_;
  // Sorted by path, so a directory comes before what is in it; what lost its directory is lost.
  for (const auto& [path, inode] : kind == PowerCut::keeps_names ? now_ : durable_) {
    if (!path.empty() && !disk->now_.contains(parent_of(path))) continue;
    std::shared_ptr<Inode> kept;
    if (inode) {
      kept = std::make_shared<Inode>(*inode);
      kept->bytes = kept->durable_bytes;
      kept->stamp.size = kept->bytes.size();
    }
    disk->now_.insert_or_assign(path, kept);
  }
  disk->durable_ = disk->now_;
  return disk;
}

void MemoryDirectory::flip_bit(const std::string& path, ByteCount bit) {
  const std::scoped_lock lock(mutex_);
  Inode& inode = *now_.at(path);
  inode.bytes.at(bit / 8) ^= static_cast<std::byte>(1U << (bit % 8));
}

Result<std::shared_ptr<MemoryDirectory::Inode>> MemoryDirectory::find_file(const std::string& path) const {
  const auto found = now_.find(path);
  if (found == now_.end()) return fail_errno(ENOENT, "cannot open " + path);
  if (!found->second) return fail_errno(EISDIR, "cannot open " + path);
  return found->second;
}

Result<std::unique_ptr<File>> MemoryDirectory::open(const std::string& path) const {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(inode, find_file(path));
  return std::make_unique<MemoryFile>(*this, std::move(inode));
}

Result<std::unique_ptr<File>> MemoryDirectory::create(const std::string& path, Access) {
  const std::scoped_lock lock(mutex_);
  if (!now_.contains(parent_of(path))) return fail_errno(ENOENT, "cannot create " + path);
  if (now_.contains(path)) return fail_errno(EEXIST, "cannot create " + path);
  auto inode = std::make_shared<Inode>();
  const std::int64_t time = tick();
  inode->stamp = {1, next_inode_++, 0, time, time};
  now_.emplace(path, inode);
  return std::make_unique<MemoryFile>(*this, std::move(inode));
}

Result<> MemoryDirectory::forbid_writing(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(inode, find_file(path));
  inode->stamp.ctime_ns = tick();
  return {};
}

Result<FileStamp> MemoryDirectory::stamp(const std::string& path) const {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(inode, find_file(path));
  return inode->stamp;
}

Result<std::vector<Entry>> MemoryDirectory::list(const std::string& path) const {
  const std::scoped_lock lock(mutex_);
  const auto directory = now_.find(path);
  if (directory == now_.end() || directory->second) return fail_errno(ENOENT, "cannot list " + path);
  std::vector<Entry> entries;
  for (const auto& [name, inode] : now_) {
    if (name.empty() || parent_of(name) != path) continue;
    entries.push_back(
        {path.empty() ? name : name.substr(path.size() + 1), inode ? EntryKind::file : EntryKind::directory});
  }
  return entries;
}

Result<> MemoryDirectory::make_directory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  if (!now_.contains(parent_of(path))) return fail_errno(ENOENT, "cannot make " + path);
  if (!now_.emplace(path, nullptr).second) return fail_errno(EEXIST, "cannot make " + path);
  return {};
}

Result<> MemoryDirectory::rename(const std::string& from, const std::string& to, Replace replace) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(inode, find_file(from));
  if (!now_.contains(parent_of(to))) return fail_errno(ENOENT, "cannot rename to " + to);
  if (replace == Replace::no && now_.contains(to)) return fail_errno(EEXIST, "cannot rename to " + to);
  inode->stamp.ctime_ns = tick();
  now_.erase(from);
  now_.insert_or_assign(to, std::move(inode));
  return {};
}

Result<> MemoryDirectory::remove(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(find_file(path));
  now_.erase(path);
  return {};
}

Result<> MemoryDirectory::remove_directory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const auto found = now_.find(path);
  if (found == now_.end() || found->second) return fail_errno(ENOENT, "cannot remove " + path);
  const auto inside = std::ranges::any_of(
      now_, [&](const auto& name) { return !name.first.empty() && parent_of(name.first) == path; });
  if (inside) return fail_errno(ENOTEMPTY, "cannot remove " + path);
  now_.erase(found);
  return {};
}

Result<> MemoryDirectory::touch(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(inode, find_file(path));
  inode->stamp.ctime_ns = tick();
  return {};
}

Result<> MemoryDirectory::set_modified(const std::string& path, std::int64_t mtime_ns) {
  KACHERY_TRY(touch(path));
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(inode, find_file(path));
  inode->stamp.mtime_ns = mtime_ns;
  return {};
}

Result<> MemoryDirectory::sync_directory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(durable_, [&](const auto& name) {
    return !name.first.empty() && parent_of(name.first) == path && !now_.contains(name.first);
  });
  for (const auto& [name, inode] : now_)
    if (!name.empty() && parent_of(name) == path) durable_.insert_or_assign(name, inode);
  return {};
}

Result<> MemoryDirectory::sync_all() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, inode] : now_)
    if (inode) inode->durable_bytes = inode->bytes;
  durable_ = now_;
  return {};
}

Result<std::unique_ptr<Lock>> MemoryDirectory::lock(const std::string& path, Hold hold) {
  // Given back with the last of those who hold it.
  struct Held final : Lock {
    std::shared_ptr<int> holders;
  };
  if (!stamp(path)) KACHERY_TRY(create(path, Access::read_only));
  const std::scoped_lock lock(mutex_);
  std::weak_ptr<int>& current = hold == Hold::alone ? held_alone_[path] : held_shared_[path];
  if (!held_alone_[path].expired() || (hold == Hold::alone && !held_shared_[path].expired()))
    return fail(Code::unavailable, path + " is held");
  auto held = std::make_unique<Held>();
  held->holders = current.lock();
  if (!held->holders) held->holders = std::make_shared<int>();
  current = held->holders;
  return held;
}

}  // namespace kachery
