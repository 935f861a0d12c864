// A Directory in memory that knows what a power cut would leave. For tests.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "os/directory.h"

namespace kachery {

// What of the unsynced work a power cut keeps. A real file system may keep anything between the two.
enum class PowerCut {
  keeps_synced_only,  // Nothing that was not synced.
  keeps_names,        // Every name, but only synced bytes: the torn state of a rename that overtook its data.
};

// Thread-safe. Time moves on by a second with every change, so that stamps always differ.
class MemoryDirectory final : public Directory {
 public:
  MemoryDirectory();
  ~MemoryDirectory() override;

  // The disk as it is found after the power came back. Files that are open belong to the old one.
  std::unique_ptr<MemoryDirectory> after_power_cut(PowerCut kind) const;

  // Flips one bit of a file in place, as a disk might: its stamp stays the same.
  void flip_bit(const std::string& path, ByteCount bit);

  std::string name() const override { return "(memory)"; }
  Result<std::unique_ptr<File>> open(const std::string& path) const override;
  Result<std::unique_ptr<File>> create(const std::string& path, Access access) override;
  Result<std::unique_ptr<File>> reopen(const std::string& path) override { return open(path); }
  Result<> forbid_writing(const std::string& path) override;
  Result<FileStamp> stamp(const std::string& path) const override;
  Result<std::vector<Entry>> list(const std::string& path) const override;
  Result<> make_directory(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to, Replace replace) override;
  Result<> remove(const std::string& path) override;
  Result<> remove_directory(const std::string& path) override;
  Result<> touch(const std::string& path) override;
  Result<> set_modified(const std::string& path, std::int64_t mtime_ns) override;
  void remove_leftovers() override {}
  Result<> sync_directory(const std::string& path) override;
  bool can_sync_all() const override { return true; }
  Result<> sync_all() override;
  Result<std::unique_ptr<Lock>> lock(const std::string& path, Hold hold) override;

 private:
  struct Inode;
  class MemoryFile;
  // Path to inode; a null inode is a directory. The root has the path "".
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  std::int64_t tick() const { return ++time_s_ * 1'000'000'000; }
  Result<std::shared_ptr<Inode>> find_file(const std::string& path) const;

  mutable std::mutex mutex_;
  mutable std::int64_t time_s_ = 1'600'000'000;
  std::uint64_t next_inode_ = 1;
  Names now_;
  Names durable_;
  std::map<std::string, std::weak_ptr<int>> held_alone_;
  std::map<std::string, std::weak_ptr<int>> held_shared_;
};

}  // namespace kachery
