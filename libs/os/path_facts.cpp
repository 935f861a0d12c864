#include "os/path_facts.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace kachery {
namespace {

struct Named {
  unsigned long magic;
  const char* name;
};

// statfs(2).
constexpr std::array kFileSystems{
    Named{0xEF53, "ext4"},          Named{0x58465342, "xfs"},   Named{0x9123683E, "btrfs"},
    Named{0x01021994, "tmpfs"},     Named{0x2FC12FC1, "zfs"},   Named{0xF2F52010, "f2fs"},
    Named{0x794C7630, "overlayfs"}, Named{0x6969, "nfs"},       Named{0xFF534D42, "cifs"},
    Named{0xFE534D42, "smb"},       Named{0x00C36400, "ceph"},  Named{0x0BD00BD0, "lustre"},
    Named{0x47504653, "gpfs"},      Named{0x65735546, "fuse"},  Named{0x5346414F, "afs"},
    Named{0x01021997, "9p"},        Named{0x19830326, "beegfs"}};

std::string file_system_name(unsigned long magic) {
  for (const Named& known : kFileSystems)
    if (known.magic == magic) return known.name;
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), magic, 16).ptr;
  return "0x" + std::string(digits.begin(), end);
}

}  // namespace

Result<PathFacts> path_facts(const std::filesystem::path& path) {
  struct stat status{};
  struct statfs system{};
  if (::stat(path.c_str(), &status) != 0 || ::statfs(path.c_str(), &system) != 0)
    return fail_errno(errno, "cannot look at " + path.native());
  constexpr unsigned kPermissions = 07777;
  return PathFacts{status.st_uid, status.st_mode & kPermissions,
                   file_system_name(static_cast<unsigned long>(system.f_type))};
}

std::optional<FileIdentity> file_identity(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace kachery
