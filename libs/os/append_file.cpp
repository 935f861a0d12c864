#include "os/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "os/directory.h"
#include "os/real_file.h"

namespace kachery {
namespace {

Result<> sync_parent(const std::filesystem::path& path) {
  const Fd parent(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.is_open() || (::fsync(parent.get()) != 0 && errno != EINVAL))
    return fail_errno(errno, "cannot sync " + path.parent_path().native());
  return {};
}

// All of it, on the disk.
Result<> write_all(const Fd& fd, ByteView bytes, const std::filesystem::path& path) {
  for (ByteView left = bytes; !left.empty();) {
    const ssize_t put = ::write(fd.get(), left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail_errno(errno, "cannot append to " + path.native());
    left = left.subspan(static_cast<std::size_t>(put));
  }
  if (::fdatasync(fd.get()) != 0) return fail_errno(errno, "cannot sync " + path.native());
  return {};
}

}  // namespace

struct AppendFile::State {
  Fd fd;
  std::filesystem::path path;
  ByteCount size;
};

AppendFile::AppendFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
AppendFile::AppendFile(AppendFile&&) noexcept = default;
AppendFile& AppendFile::operator=(AppendFile&&) noexcept = default;
AppendFile::~AppendFile() = default;

Result<AppendFile> AppendFile::open(const std::filesystem::path& path) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  Fd fd(::open(path.c_str(), kFlags, S_IRUSR | S_IWUSR));
  if (!fd.is_open()) return fail_errno(errno, "cannot open " + path.native() + " to append to it");
  KACHERY_TRY(stamp, stamp_of_descriptor(fd.get(), path.native()));
  KACHERY_TRY(sync_parent(path));
  return AppendFile(std::make_unique<State>(std::move(fd), path, stamp.size));
}

Result<> AppendFile::append(ByteView bytes) {
  auto written = write_all(state_->fd, bytes, state_->path);
  if (written) {
    state_->size += bytes.size();
    return {};
  }
  // Whether that works, too, is seen by whoever opens the file again.
  static_cast<void>(::ftruncate(state_->fd.get(), static_cast<off_t>(state_->size)));
  return written;
}

}  // namespace kachery
