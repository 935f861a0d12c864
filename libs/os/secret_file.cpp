#include "os/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "os/real_file.h"

namespace kachery {
namespace {

std::string octal(mode_t mode) {
  std::string digits;
  for (int shift = 6; shift >= 0; shift -= 3) digits += static_cast<char>('0' + ((mode >> shift) & 7));
  return digits;
}

bool is_another(uid_t owner) {
  return owner != ::geteuid() && owner != 0;
}

// Of what is open, so that nobody can put another one in its place in between. `mode` is the one it should
// have.
Result<> check_owner(int descriptor, const std::string& name, std::string_view mode) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return fail_errno(errno, "cannot look at " + name);
  if (is_another(status.st_uid))
    return fail(Code::denied, name + " belongs to another user (uid " + std::to_string(status.st_uid) +
                                  "), who could have put any key there; if it is yours, run: chown " +
                                  std::to_string(::geteuid()) + " " + name);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Code::denied, name + " holds " + (S_ISDIR(status.st_mode) ? "secrets" : "a secret") +
                                  ", but its mode " + octal(status.st_mode) +
                                  " lets others have it; run: chmod " + std::string(mode) + " " + name);
  return {};
}

}  // namespace

Result<Secret> read_secret_file(const std::filesystem::path& path, std::size_t size_max) {
  // O_NONBLOCK: a pipe that nobody writes to must not hang us.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open()) return fail_errno(errno, "cannot open " + path.native());
  KACHERY_TRY(stamp, stamp_of_descriptor(fd.get(), path.native()));
  KACHERY_TRY(check_owner(fd.get(), path.native(), "600"));
  if (stamp.size > size_max)
    return fail(Code::corrupt, path.native() + " is too large for what it should be (" +
                                   std::to_string(stamp.size) + " bytes)");
  Secret secret(stamp.size);
  const RealFile file(std::move(fd), path.native());
  KACHERY_TRY(read_exactly(file, 0, secret.bytes()));
  return secret;
}

Result<> check_secret_directory(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) return fail_errno(errno, "cannot open " + path.native());
  return check_owner(fd.get(), path.native(), "700");
}

bool is_of_another_user(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && is_another(status.st_uid);
}

}  // namespace kachery
