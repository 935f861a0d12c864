#include "os/replacement.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "os/directory.h"
#include "os/random.h"
#include "os/real_file.h"

namespace kachery {
namespace {

class RealReplacement final : public Replacement {
 public:
  RealReplacement(std::filesystem::path path, std::filesystem::path temporary, Fd fd, Replace replace)
      : path_(std::move(path)),
        temporary_(std::move(temporary)),
        file_(std::move(fd), temporary_.native()),
        replace_(replace) {}
  RealReplacement(const RealReplacement&) = delete;
  RealReplacement& operator=(const RealReplacement&) = delete;
  ~RealReplacement() override {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  Result<> append(ByteView bytes) override { return file_.append(bytes); }

  Result<> commit() override {
    KACHERY_TRY(file_.sync());
    if (replace_ == Replace::yes && ::rename(temporary_.c_str(), path_.c_str()) != 0)
      return fail_errno(errno, "cannot replace " + path_.native());
    // A hard link never replaces anything, on any file system.
    if (replace_ == Replace::no && ::link(temporary_.c_str(), path_.c_str()) != 0)
      return fail_errno(errno, "cannot make " + path_.native());
    if (replace_ == Replace::no) ::unlink(temporary_.c_str());
    temporary_.clear();
    const Fd directory(::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.is_open() && ::fsync(directory.get()) != 0 && errno != EINVAL)
      return fail_errno(errno, "cannot sync " + path_.parent_path().native());
    return {};
  }

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  RealFile file_;
  Replace replace_;
};

Result<std::unique_ptr<Replacement>> begin(const std::filesystem::path& path, mode_t mode, Replace replace) {
  const std::filesystem::path temporary = path.parent_path() / (".kachery-" + random_hex(8) + ".part");
  Fd fd(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd.is_open()) return fail_errno(errno, "cannot write to " + path.native());
  return std::make_unique<RealReplacement>(path, temporary, std::move(fd), replace);
}

}  // namespace

Result<std::unique_ptr<Replacement>> replace_user_file(const std::filesystem::path& path) {
  return begin(path, 0666, Replace::yes);
}

Result<std::unique_ptr<Replacement>> replace_secret_file(const std::filesystem::path& path) {
  return begin(path, S_IRUSR | S_IWUSR, Replace::yes);
}

Result<std::unique_ptr<Replacement>> create_secret_file(const std::filesystem::path& path) {
  return begin(path, S_IRUSR | S_IWUSR, Replace::no);
}

}  // namespace kachery
