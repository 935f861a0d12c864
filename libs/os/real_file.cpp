#include "os/real_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <cerrno>

namespace kachery {
namespace {

// Writing to the disk begins while later bytes are still being hashed, so that the final sync has little
// left.
constexpr ByteCount kWriteBackStep = 8 << 20;

// O_DIRECT wants memory, offset and length in units of the disk's blocks; none has larger ones than a page.
constexpr std::size_t kDirectUnit = 4096;
constexpr std::size_t kDirectSizeMin = 1 << 20;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::unexpected<Error> fail_write(int error_number, int descriptor, const std::string& name,
                                  ByteCount wanted) {
  auto failure = fail_errno(error_number, "cannot write " + name);
  failure.error().message += space_note(descriptor, failure.error().code, wanted);
  return failure;
}

}  // namespace

std::string space_note(int descriptor, Code code, ByteCount wanted) {
  struct statvfs space{};
  if (code != Code::exhausted || ::fstatvfs(descriptor, &space) != 0) return {};
  const ByteCount free = ByteCount{space.f_bavail} * space.f_frsize;
  std::string note = " (";
  if (wanted > 0) note += std::to_string(wanted) + " more bytes needed, ";
  return note + std::to_string(free) + " free there). Nothing was stored; free some space and try again.";
}

Result<FileStamp> stamp_of_descriptor(int descriptor, const std::string& name) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return fail_errno(errno, "cannot look at " + name);
  if (S_ISDIR(status.st_mode)) return fail(Code::invalid, name + " is a directory, not a file");
  if (!S_ISREG(status.st_mode)) return fail(Code::invalid, name + " is not a regular file");
  return FileStamp{status.st_dev, status.st_ino, static_cast<ByteCount>(status.st_size),
                   nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

Result<std::size_t> RealFile::read_at(ByteCount offset, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read " + name_);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<FileStamp> RealFile::stamp() const {
  return stamp_of_descriptor(fd_.get(), name_);
}

bool RealFile::make_changes_show() const {
  struct statfs system{};
  if (::fstatfs(fd_.get(), &system) != 0) return false;
  const auto magic = static_cast<std::uint32_t>(system.f_type);
  if (magic == TMPFS_MAGIC || magic == RAMFS_MAGIC) return false;
  constexpr unsigned kWriteAndWait =
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  return ::sync_file_range(fd_.get(), 0, 0, kWriteAndWait) == 0 || ::fdatasync(fd_.get()) == 0;
}

Result<> RealFile::reserve(ByteCount size) {
  if (size == 0) return {};
  const auto length = static_cast<off_t>(size);
  while (::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, length) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};  // Then the writes will tell.
    if (errno != EINTR) return fail_write(errno, fd_.get(), name_, size);
  }
  return {};
}

Result<> RealFile::append(ByteView bytes) {
  const bool fits = bytes.size() >= kDirectSizeMin && bytes.size() % kDirectUnit == 0 &&
                    size_ % kDirectUnit == 0 &&
                    reinterpret_cast<std::uintptr_t>(bytes.data()) % kDirectUnit == 0;
  leave_page_cache_alone(fits && direct_possible_);
  for (ByteView left = bytes; !left.empty();) {
    const ssize_t put = ::write(fd_.get(), left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EINVAL && direct_) {
      leave_page_cache_alone(false);
      direct_possible_ = false;
      continue;
    }
    if (put < 0) return fail_write(errno, fd_.get(), name_, left.size());
    left = left.subspan(static_cast<std::size_t>(put));
    if (direct_ && left.size() % kDirectUnit != 0) leave_page_cache_alone(false);
  }
  size_ += bytes.size();
  if (!direct_ && size_ - written_back_ >= kWriteBackStep) {
    // Only a hint: whether the bytes reached the disk is what sync() answers.
    ::sync_file_range(fd_.get(), static_cast<off_t>(written_back_), static_cast<off_t>(size_ - written_back_),
                      SYNC_FILE_RANGE_WRITE);
    written_back_ = size_;
  }
  return {};
}

Result<> RealFile::write_at(ByteCount offset, ByteView bytes) {
  const ByteCount end = offset + bytes.size();
  for (ByteView left = bytes; !left.empty();) {
    const ssize_t put = ::pwrite(fd_.get(), left.data(), left.size(), static_cast<off_t>(end - left.size()));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail_write(errno, fd_.get(), name_, left.size());
    left = left.subspan(static_cast<std::size_t>(put));
  }
  // As in append: a hint, for what lies before the step that these bytes reach.
  const ByteCount step = end / kWriteBackStep;
  if (step > offset / kWriteBackStep)
    ::sync_file_range(fd_.get(), static_cast<off_t>((step - 1) * kWriteBackStep), kWriteBackStep,
                      SYNC_FILE_RANGE_WRITE);
  return {};
}

// Large pieces go straight to the disk, while the next one is being hashed: that saves a copy and the pages
// for it, leaves the cache to what is read, and leaves nothing for the final sync to wait for.
void RealFile::leave_page_cache_alone(bool direct) {
  if (direct == direct_) return;
  const int flags = ::fcntl(fd_.get(), F_GETFL);
  const bool done =
      flags >= 0 && ::fcntl(fd_.get(), F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
  direct_ = direct && done;
  direct_possible_ = done;  // Some file systems refuse it (tmpfs, some network ones).
}

Result<bool> RealFile::clone_from(const File& source) {
  const auto* real = dynamic_cast<const RealFile*>(&source);
  return real != nullptr && ::ioctl(fd_.get(), FICLONE, real->fd_.get()) == 0;
}

Result<> RealFile::sync() {
  if (::fsync(fd_.get()) != 0) return fail_write(errno, fd_.get(), name_, 0);
  return {};
}

Result<std::unique_ptr<File>> open_user_file(const std::filesystem::path& path) {
  // O_NONBLOCK: a pipe that nobody writes to must not hang us; regular files ignore it.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open()) return fail_errno(errno, "cannot open " + path.native());
  KACHERY_TRY(stamp_of_descriptor(fd.get(), path.native()));
  return std::make_unique<RealFile>(std::move(fd), path.native());
}

}  // namespace kachery
