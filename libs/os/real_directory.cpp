// The Directory on the disk. Every path is resolved by the kernel under the root's descriptor, without
// following a symbolic link, so that nobody who shares the directory can lead us out of it.
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <fstream>

#include "os/directory.h"
#include "os/publish.h"
#include "os/random.h"
#include "os/real_file.h"

namespace kachery {
namespace {

// From linux/magic.h of newer kernels, and from the file systems' own sources.
constexpr long kXfsMagic = 0x58465342;
constexpr long kF2fsMagic = 0xF2F52010;
constexpr long kZfsMagic = 0x2FC12FC1;
constexpr long kNfsMagic = 0x6969;
constexpr long kCifsMagic = 0xFF534D42;
constexpr long kSmb2Magic = 0xFE534D42;
constexpr long kCephMagic = 0x00C36400;
constexpr long kLustreMagic = 0x0BD00BD0;
constexpr long kGpfsMagic = 0x47504653;
constexpr long kFuseMagic = 0x65735546;
constexpr long kAfsMagic = 0x5346414F;
constexpr long kNinePMagic = 0x01021997;
constexpr long kBeegfsMagic = 0x19830326;

constexpr std::array kNetworkMagics{kNfsMagic,  kCifsMagic, kSmb2Magic, kCephMagic,  kLustreMagic,
                                    kGpfsMagic, kFuseMagic, kAfsMagic,  kNinePMagic, kBeegfsMagic};
// Whose syncfs writes everything, waits, and reports failures.
constexpr std::array kSyncfsMagics{long{EXT4_SUPER_MAGIC}, kXfsMagic,  long{BTRFS_SUPER_MAGIC},
                                   long{TMPFS_MAGIC},      kF2fsMagic, kZfsMagic};

// Directories that have not got their mode and their place yet: .making-<seconds since 1970>-<random>.
constexpr std::string_view kMaking = ".making-";
constexpr std::int64_t kLeftoverAgeS = 600;

mode_t current_umask() {
  // Reading it with umask(2) would change it for the other threads of the process for a moment.
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "Umask:") continue;
    unsigned value = 022;
    status >> std::oct >> value;
    return value;
  }
  return 022;
}

// Before Linux 5.8 syncfs did not tell of failed writes.
bool kernel_reports_syncfs_errors() {
  utsname name{};
  int major = 0;
  int minor = 0;
  // Two numbers of the kernel's own making.
  // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion,cert-err34-c)
  return ::uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
         (major > 5 || (major == 5 && minor >= 8));
}

bool same_magic(long one, long other) {
  return static_cast<std::uint32_t>(one) == static_cast<std::uint32_t>(other);
}

template <std::size_t N>
bool is_one_of(long magic, const std::array<long, N>& magics) {
  return std::ranges::any_of(magics, [&](long candidate) { return same_magic(magic, candidate); });
}

class FileLock final : public Lock {
 public:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  Fd fd_;  // Closing it gives the lock back.
};

class RealDirectory final : public Directory {
 public:
  RealDirectory(Fd root, std::string name, mode_t root_mode, bool syncs_all)
      : root_(std::move(root)), name_(std::move(name)), directory_mode_(root_mode), syncs_all_(syncs_all) {}

  std::string name() const override { return name_; }

  Result<std::unique_ptr<File>> open(const std::string& path) const override {
    Fd fd = open_beneath(path, O_RDONLY | O_NONBLOCK);
    if (!fd.is_open()) return failed("open", path);
    KACHERY_TRY(stamp_of_descriptor(fd.get(), full(path)));
    return std::make_unique<RealFile>(std::move(fd), full(path));
  }

  Result<std::unique_ptr<File>> create(const std::string& path, Access access) override {
    // O_EXCL makes it ours alone; the mode counts only for those who open it later.
    const mode_t mode = file_mode(access);
    const Step step = last_step(path);
    Fd fd(step.parent.is_open() ? ::openat(step.parent.get(), step.name.c_str(),
                                           O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
                                : -1);
    if (!fd.is_open()) return failed("create", path);
    if (masked(mode) && ::fchmod(fd.get(), mode) != 0) return failed("set the mode of", path);
    return std::make_unique<RealFile>(std::move(fd), full(path));
  }

  Result<std::unique_ptr<File>> reopen(const std::string& path) override {
    Fd fd = open_beneath(path, O_RDWR | O_NONBLOCK);
    if (!fd.is_open()) return failed("open", path);
    KACHERY_TRY(stamp_of_descriptor(fd.get(), full(path)));
    return std::make_unique<RealFile>(std::move(fd), full(path));
  }

  Result<> forbid_writing(const std::string& path) override {
    const Fd fd = open_beneath(path, O_RDONLY | O_NONBLOCK);
    if (!fd.is_open() || ::fchmod(fd.get(), file_mode(Access::read_only)) != 0)
      return failed("set the mode of", path);
    return {};
  }

  Result<FileStamp> stamp(const std::string& path) const override {
    const Fd fd = open_beneath(path, O_PATH | O_NOFOLLOW);
    if (!fd.is_open()) return failed("look at", path);
    return stamp_of_descriptor(fd.get(), full(path));
  }

  Result<std::vector<Entry>> list(const std::string& path) const override {
    Fd fd = open_beneath(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
    if (!fd.is_open()) return failed("list", path);
    const int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
    DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
    if (stream == nullptr) return failed("list", path);
    std::vector<Entry> entries;
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own.
    while (const dirent* entry = ::readdir(stream)) {
      const std::string name = static_cast<const char*>(entry->d_name);
      if (name != "." && name != "..") entries.push_back({name, kind_of(fd.get(), *entry)});
      errno = 0;
    }
    const int error_number = errno;
    ::closedir(stream);
    if (error_number != 0) return fail_errno(error_number, "cannot list " + full(path));
    return entries;
  }

  Result<> make_directory(const std::string& path) override {
    const Step step = last_step(path);
    if (!step.parent.is_open()) return failed("make the directory", path);
    if (masked(directory_mode_)) return make_directory_elsewhere(step, path);
    if (::mkdirat(step.parent.get(), step.name.c_str(), directory_mode_) != 0)
      return failed("make the directory", path);
    return {};
  }

  Result<> rename(const std::string& from, const std::string& to, Replace replace) override {
    const Step source = last_step(from);
    if (!source.parent.is_open()) return failed("rename", from);
    const Step target = last_step(to);
    if (!target.parent.is_open()) return failed("rename to", to);
    const unsigned flags = replace == Replace::no ? RENAME_NOREPLACE : 0;
    if (::renameat2(source.parent.get(), source.name.c_str(), target.parent.get(), target.name.c_str(),
                    flags) == 0)
      return {};
    if (replace == Replace::yes || (errno != EINVAL && errno != ENOSYS)) return failed("rename to", to);

    // A file system without RENAME_NOREPLACE (NFS, for one): a hard link never replaces anything.
    if (::linkat(source.parent.get(), source.name.c_str(), target.parent.get(), target.name.c_str(), 0) != 0)
      return failed("rename to", to);
    ::unlinkat(source.parent.get(), source.name.c_str(), 0);
    return {};
  }

  Result<> remove(const std::string& path) override { return unlink(path, 0); }
  Result<> remove_directory(const std::string& path) override { return unlink(path, AT_REMOVEDIR); }

  Result<> touch(const std::string& path) override { return set_times(path, {0, UTIME_OMIT}); }

  Result<> set_modified(const std::string& path, std::int64_t mtime_ns) override {
    constexpr std::int64_t kSecond = 1'000'000'000;
    return set_times(path, {mtime_ns / kSecond, mtime_ns % kSecond});
  }

  void remove_leftovers() override {
    const Result<std::vector<Entry>> entries = list("");
    if (!entries) return;
    for (const Entry& entry : *entries) {
      if (!entry.name.starts_with(kMaking)) continue;
      std::int64_t begun_s = 0;
      std::from_chars(entry.name.data() + kMaking.size(), entry.name.data() + entry.name.size(), begun_s);
      if (::time(nullptr) - begun_s > kLeftoverAgeS) static_cast<void>(remove_directory(entry.name));
    }
  }

  Result<> sync_directory(const std::string& path) override {
    const Fd fd = open_beneath(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
    if (!fd.is_open()) return failed("open", path);
    // Some network file systems have no such call for directories, and need none.
    if (::fsync(fd.get()) != 0 && errno != EINVAL) return failed("sync", path);
    return {};
  }

  bool can_sync_all() const override { return syncs_all_; }

  Result<> sync_all() override {
    if (::syncfs(root_.get()) != 0) return failed("sync the file system of", "");
    return {};
  }

  Result<std::unique_ptr<Lock>> lock(const std::string& path, Hold hold) override {
    const Step step = last_step(path);
    for (;;) {
      // Others need not open it: to try for the lock is for the same user, or for one who may write here.
      Fd fd(step.parent.is_open()
                ? ::openat(step.parent.get(), step.name.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                           file_mode(Access::read_only))
                : -1);
      if (!fd.is_open()) return failed("open the lock", path);
      if (::flock(fd.get(), (hold == Hold::alone ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return fail(Code::unavailable, full(path) + " is held by another process");
        if (errno != ENOSYS && errno != EOPNOTSUPP && errno != ENOLCK) return failed("lock", path);
        // A file system without locks, which only networks have: can_sync_all() is false there too, and
        // whoever needs more than good will asks that.
      }
      if (is_still_at(fd, step)) return std::make_unique<FileLock>(std::move(fd));
    }
  }

 private:
  // The directory above the last name of a path, and that name.
  struct Step {
    Fd parent;
    std::string name;
  };

  // Not so if whoever held the lock has removed its file, before we got it.
  static bool is_still_at(const Fd& fd, const Step& step) {
    struct stat mine{};
    struct stat there{};
    return ::fstat(fd.get(), &mine) == 0 &&
           ::fstatat(step.parent.get(), step.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
  }

  // errno tells of a failure.
  Fd open_beneath(const std::string& path, int flags) const {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    for (;;) {
      const long fd = ::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how);
      if (fd >= 0) return Fd(static_cast<int>(fd));
      if (errno == EAGAIN || errno == EINTR) continue;  // Somebody renamed something on the way.
      if (errno == ENOSYS || errno == EPERM) return open_step_by_step(path, flags);
      return {};
    }
  }

  // For kernels and sandboxes without openat2(2).
  Fd open_step_by_step(const std::string& path, int flags) const {
    Fd here(::openat(root_.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::size_t begin = 0;
    while (here.is_open()) {
      const std::size_t slash = path.find('/', begin);
      const bool last = slash == std::string::npos;
      const std::string name = path.substr(begin, last ? slash : slash - begin);
      const int step_flags = last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW;
      Fd next(name == ".." ? (errno = EXDEV, -1)
                           : ::openat(here.get(), name.c_str(), step_flags | O_CLOEXEC));
      if (last) return next;
      here = std::move(next);
      begin = slash + 1;
    }
    return {};
  }

  Step last_step(const std::string& path) const {
    const std::string parent = parent_of(path);
    std::string name = parent.empty() ? path : path.substr(parent.size() + 1);
    // Last, because even an allocation that succeeds may change errno, which the caller reads.
    Fd directory = open_beneath(parent.empty() ? "." : parent, O_PATH | O_DIRECTORY);
    return {std::move(directory), std::move(name)};
  }

  // mkdir(2) would give the directory a narrower mode for a moment, in which another member of the group
  // fails.
  Result<> make_directory_elsewhere(const Step& step, const std::string& path) {
    const std::string made = std::string(kMaking) + std::to_string(::time(nullptr)) + "-" + random_hex(8);
    if (::mkdirat(root_.get(), made.c_str(), 0700) != 0) return failed("make the directory", made);
    const Fd fd(::openat(root_.get(), made.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    // What was inherited (set-group-ID) stays.
    if (fd.is_open() && ::fstat(fd.get(), &status) == 0 &&
        ::fchmod(fd.get(), directory_mode_ | (status.st_mode & S_ISGID)) == 0 &&
        ::renameat2(root_.get(), made.c_str(), step.parent.get(), step.name.c_str(), RENAME_NOREPLACE) == 0)
      return {};
    const int error_number = errno;
    ::unlinkat(root_.get(), made.c_str(), AT_REMOVEDIR);
    return fail_errno(error_number, "cannot make the directory " + full(path));
  }

  Result<> set_times(const std::string& path, const timespec& modified) {
    const Step step = last_step(path);
    const std::array<timespec, 2> times{{{0, UTIME_NOW}, modified}};
    if (!step.parent.is_open() ||
        ::utimensat(step.parent.get(), step.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
      return failed("touch", path);
    return {};
  }

  Result<> unlink(const std::string& path, int flags) {
    const Step step = last_step(path);
    if (!step.parent.is_open() || ::unlinkat(step.parent.get(), step.name.c_str(), flags) != 0)
      return failed("remove", path);
    return {};
  }

  static EntryKind kind_of(int directory, const dirent& entry) {
    if (entry.d_type == DT_REG) return EntryKind::file;
    if (entry.d_type == DT_DIR) return EntryKind::directory;
    if (entry.d_type != DT_UNKNOWN) return EntryKind::other;
    struct stat status{};
    if (::fstatat(directory, static_cast<const char*>(entry.d_name), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return EntryKind::other;
    return S_ISREG(status.st_mode)   ? EntryKind::file
           : S_ISDIR(status.st_mode) ? EntryKind::directory
                                     : EntryKind::other;
  }

  std::string full(const std::string& path) const { return path.empty() ? name_ : name_ + "/" + path; }

  std::unexpected<Error> failed(const char* what, const std::string& path) const {
    const int error_number = errno;
    auto failure = fail_errno(error_number, std::string("cannot ") + what + " " + full(path));
    failure.error().message += space_note(root_.get(), failure.error().code, 0);
    if (error_number == ELOOP || error_number == EXDEV)
      failure.error().message +=
          " (a step of it is a symbolic link or a mount; inside the store there may be none: move the whole "
          "directory and point KACHERY_DIR to it)";
    return failure;
  }

  mode_t file_mode(Access access) const {
    const mode_t bits = access == Access::writable ? S_IRGRP | S_IWGRP | S_IROTH : S_IRGRP | S_IROTH;
    return S_IRUSR | (access == Access::writable ? S_IWUSR : 0) | (directory_mode_ & bits);
  }
  bool masked(mode_t mode) const { return (mode & umask_) != 0; }

  Fd root_;
  std::string name_;
  mode_t directory_mode_;
  mode_t umask_ = current_umask();
  bool syncs_all_;
};

long file_system_magic(int descriptor) {
  struct statfs status{};
  return ::fstatfs(descriptor, &status) == 0 ? static_cast<long>(status.f_type) : 0;
}

// Makes the root and what is missing above it, each durable in its parent.
Result<> make_root(const std::filesystem::path& root, mode_t mode) {
  if (::mkdir(root.c_str(), mode) != 0 && errno != EEXIST) {
    if (errno != ENOENT || !root.has_relative_path())
      return fail_errno(errno, "cannot make the directory " + root.native());
    KACHERY_TRY(make_root(root.parent_path(), mode));
    if (::mkdir(root.c_str(), mode) != 0 && errno != EEXIST)
      return fail_errno(errno, "cannot make the directory " + root.native());
  }
  const Fd parent(::open(root.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.is_open() && ::fsync(parent.get()) != 0 && errno != EINVAL)
    return fail_errno(errno, "cannot sync " + root.parent_path().native());
  return {};
}

}  // namespace

Result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& root, Missing missing) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(root, error).lexically_normal();
  if (error) return fail_errno(error.value(), "cannot find the directory " + root.native());
  if (!path.has_filename()) path = path.parent_path();
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() && errno == ENOENT && missing == Missing::create) {
    KACHERY_TRY(make_root(path, 0777));
    fd = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  if (!fd.is_open()) return fail_errno(errno, "cannot open the directory " + path.native());
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "cannot look at " + path.native());
  const bool syncs_all =
      is_one_of(file_system_magic(fd.get()), kSyncfsMagics) && kernel_reports_syncfs_errors();
  const mode_t mode = (status.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO)) | S_IRWXU;
  return std::make_unique<RealDirectory>(std::move(fd), path.native(), mode, syncs_all);
}

Result<> make_own_directory(const std::filesystem::path& path, Audience audience) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  const mode_t readers = audience == Audience::readers ? S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH : 0;
  return make_root(path, S_IRWXU | readers);
}

void create_shared_file(const std::filesystem::path& path, Audience audience) {
  struct stat directory{};
  if (::stat(path.parent_path().c_str(), &directory) != 0) return;
  const bool is_shared = (directory.st_mode & S_IWGRP) != 0;
  const mode_t shared = audience == Audience::readers ? S_IRGRP | S_IWGRP | S_IROTH
                        : is_shared                   ? S_IRGRP | S_IWGRP
                                                      : 0;
  const mode_t mode = (directory.st_mode & shared) | S_IRUSR | S_IWUSR;
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  // What the umask took away. Should it fail, the others get a clear refusal where they need the file.
  if (fd.is_open()) static_cast<void>(::fchmod(fd.get(), mode));
}

bool is_network_file_system(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  return fd.is_open() && is_one_of(file_system_magic(fd.get()), kNetworkMagics);
}

}  // namespace kachery
