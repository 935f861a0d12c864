// A Directory in front of another that fails when it is told to. For tests.
#pragma once

#include <atomic>
#include <optional>

#include "os/directory.h"

namespace kachery {

enum class Fault {
  crash,  // From that operation on nothing happens any more, as after kill -9 or a power cut.
  error,  // That one operation fails, and the program goes on.
};

// Counts every operation that changes something or reads, also those on the files it opened. Thread-safe.
class FaultyDirectory final : public Directory {
 public:
  // The operation number `fail_at` (from 0) is the first that is not done. `disk` outlives it.
  FaultyDirectory(Directory& disk, int fail_at, Fault fault = Fault::crash, Code code = Code::internal)
      : disk_(disk), fail_at_(fail_at), fault_(fault), code_(code) {}

  // Whether the fault has happened: if not, every operation has had its turn.
  bool failed() const { return count_ > fail_at_; }

  // The failure that is due now, if one is.
  Result<> step() const;

  std::string name() const override { return disk_.name(); }
  Result<std::unique_ptr<File>> open(const std::string& path) const override;
  Result<std::unique_ptr<File>> create(const std::string& path, Access access) override;
  Result<std::unique_ptr<File>> reopen(const std::string& path) override;
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
  bool can_sync_all() const override { return disk_.can_sync_all(); }
  Result<> sync_all() override;
  Result<std::unique_ptr<Lock>> lock(const std::string& path, Hold hold) override;

 private:
  Directory& disk_;
  int fail_at_;
  Fault fault_;
  Code code_;
  mutable std::atomic<int> count_ = 0;
};

}  // namespace kachery
