#include "os/faulty_directory.h"

namespace kachery {
namespace {

class FaultyFile final : public File {
 public:
  FaultyFile(const FaultyDirectory& faults, std::unique_ptr<File> file)
      : faults_(faults), file_(std::move(file)) {}

  Result<std::size_t> read_at(ByteCount offset, std::span<std::byte> out) const override {
    KACHERY_TRY(faults_.step());
    return file_->read_at(offset, out);
  }
  Result<FileStamp> stamp() const override {
    KACHERY_TRY(faults_.step());
    return file_->stamp();
  }
  bool make_changes_show() const override { return faults_.step() && file_->make_changes_show(); }
  Result<> reserve(ByteCount size) override {
    KACHERY_TRY(faults_.step());
    return file_->reserve(size);
  }
  Result<> append(ByteView bytes) override {
    Result<> due = faults_.step();
    if (due) return file_->append(bytes);
    // A write that is cut short: half of it is there.
    static_cast<void>(file_->append(bytes.first(bytes.size() / 2)));
    return due;
  }
  Result<> write_at(ByteCount offset, ByteView bytes) override {
    Result<> due = faults_.step();
    if (due) return file_->write_at(offset, bytes);
    static_cast<void>(file_->write_at(offset, bytes.first(bytes.size() / 2)));
    return due;
  }
  Result<bool> clone_from(const File& source) override {
    KACHERY_TRY(faults_.step());
    return file_->clone_from(source);
  }
  Result<> sync() override {
    KACHERY_TRY(faults_.step());
    return file_->sync();
  }

 private:
  const FaultyDirectory& faults_;
  std::unique_ptr<File> file_;
};

}  // namespace

Result<> FaultyDirectory::step() const {
  const int number = count_++;
  const bool due = fault_ == Fault::crash ? number >= fail_at_ : number == fail_at_;
  if (due) return fail(code_, "injected fault at operation " + std::to_string(number));
  return {};
}

Result<std::unique_ptr<File>> FaultyDirectory::open(const std::string& path) const {
  KACHERY_TRY(step());
  KACHERY_TRY(file, disk_.open(path));
  return std::make_unique<FaultyFile>(*this, std::move(file));
}

Result<std::unique_ptr<File>> FaultyDirectory::create(const std::string& path, Access access) {
  KACHERY_TRY(step());
  KACHERY_TRY(file, disk_.create(path, access));
  return std::make_unique<FaultyFile>(*this, std::move(file));
}

Result<std::unique_ptr<File>> FaultyDirectory::reopen(const std::string& path) {
  KACHERY_TRY(step());
  KACHERY_TRY(file, disk_.reopen(path));
  return std::make_unique<FaultyFile>(*this, std::move(file));
}

Result<> FaultyDirectory::forbid_writing(const std::string& path) {
  KACHERY_TRY(step());
  return disk_.forbid_writing(path);
}

Result<FileStamp> FaultyDirectory::stamp(const std::string& path) const {
  KACHERY_TRY(step());
  return disk_.stamp(path);
}

Result<std::vector<Entry>> FaultyDirectory::list(const std::string& path) const {
  KACHERY_TRY(step());
  return disk_.list(path);
}

Result<> FaultyDirectory::make_directory(const std::string& path) {
  KACHERY_TRY(step());
  return disk_.make_directory(path);
}

Result<> FaultyDirectory::rename(const std::string& from, const std::string& to, Replace replace) {
  KACHERY_TRY(step());
  return disk_.rename(from, to, replace);
}

Result<> FaultyDirectory::remove(const std::string& path) {
  KACHERY_TRY(step());
  return disk_.remove(path);
}

Result<> FaultyDirectory::remove_directory(const std::string& path) {
  KACHERY_TRY(step());
  return disk_.remove_directory(path);
}

Result<> FaultyDirectory::touch(const std::string& path) {
  KACHERY_TRY(step());
  return disk_.touch(path);
}

Result<> FaultyDirectory::set_modified(const std::string& path, std::int64_t mtime_ns) {
  KACHERY_TRY(step());
  return disk_.set_modified(path, mtime_ns);
}

Result<> FaultyDirectory::sync_directory(const std::string& path) {
  KACHERY_TRY(step());
  return disk_.sync_directory(path);
}

Result<> FaultyDirectory::sync_all() {
  KACHERY_TRY(step());
  return disk_.sync_all();
}

Result<std::unique_ptr<Lock>> FaultyDirectory::lock(const std::string& path, Hold hold) {
  KACHERY_TRY(step());
  return disk_.lock(path, hold);
}

}  // namespace kachery
