#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "os/fd.h"
#include "os/file.h"

namespace kachery {
namespace {

constexpr int kCancelCheckMs = 100;
constexpr ByteCount kCompareBytes = 1 << 20;

class FileStream final : public ByteSource {
 public:
  explicit FileStream(const File& file) : file_(file) {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    KACHERY_TRY(got, file_.read_at(offset_, out));
    offset_ += got;
    return got;
  }

 private:
  const File& file_;
  ByteCount offset_ = 0;
};

class DescriptorStream final : public ByteSource {
 public:
  DescriptorStream(int descriptor, Fd owned, std::string name, const std::atomic<bool>& cancel)
      : descriptor_(descriptor), owned_(std::move(owned)), name_(std::move(name)), cancel_(cancel) {}

  // Fills `out` as far as the stream goes, so that small writes into a pipe do not become small pieces of
  // work.
  Result<std::size_t> read(std::span<std::byte> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      KACHERY_TRY(wait_readable());
      const ssize_t got = ::read(descriptor_, out.data() + done, out.size() - done);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return fail_errno(errno, "cannot read " + name_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  Result<> wait_readable() {
    pollfd entry{descriptor_, POLLIN, 0};
    while (!cancel_) {
      const int ready = ::poll(&entry, 1, kCancelCheckMs);
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return fail_errno(errno, "cannot wait for " + name_);
    }
    return fail(Code::cancelled, "stopped while reading " + name_ + "; nothing was kept");
  }

  int descriptor_;
  Fd owned_;
  std::string name_;
  const std::atomic<bool>& cancel_;
};

}  // namespace

bool is_stream(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return false;
  return S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode) || S_ISSOCK(status.st_mode);
}

std::unique_ptr<ByteSource> stream_of(const File& file) {
  return std::make_unique<FileStream>(file);
}

std::unique_ptr<ByteSource> stream_of_descriptor(int descriptor, const std::atomic<bool>& cancel) {
  const std::string name = descriptor == 0 ? "standard input" : "descriptor " + std::to_string(descriptor);
  return std::make_unique<DescriptorStream>(descriptor, Fd(), name, cancel);
}

Result<std::unique_ptr<ByteSource>> open_stream(const std::filesystem::path& path,
                                                const std::atomic<bool>& cancel) {
  // O_NONBLOCK: to open a pipe must not wait for its writer, which cannot be cancelled; to read from it may.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open()) return fail_errno(errno, "cannot open " + path.native());
  const int descriptor = fd.get();
  return std::make_unique<DescriptorStream>(descriptor, std::move(fd), path.native(), cancel);
}

Result<> read_exactly(const File& file, ByteCount offset, std::span<std::byte> out) {
  KACHERY_TRY(got, file.read_at(offset, out));
  if (got == out.size()) return {};
  return fail(Code::corrupt,
              "a file ended " + std::to_string(out.size() - got) + " bytes early while it was read");
}

Result<bool> same_content(const File& one, const File& other) {
  KACHERY_TRY(one_stamp, one.stamp());
  KACHERY_TRY(other_stamp, other.stamp());
  if (one_stamp.size != other_stamp.size) return false;
  std::vector<std::byte> piece(std::min<ByteCount>(kCompareBytes, one_stamp.size));
  std::vector<std::byte> other_piece(piece.size());
  for (ByteCount offset = 0; offset < one_stamp.size;) {
    KACHERY_TRY(got, one.read_at(offset, piece));
    KACHERY_TRY(other_got, other.read_at(offset, std::span(other_piece).first(got)));
    if (got == 0 || other_got != got || std::memcmp(piece.data(), other_piece.data(), got) != 0) return false;
    offset += got;
  }
  return true;
}

}  // namespace kachery
