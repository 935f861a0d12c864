#include "os/process.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>

namespace kachery {

std::uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? limit.rlim_max : limit.rlim_cur;
}

void keep_memory_small() {
  // mallopt(3): setting a threshold also ends its growing with what was freed.
  static_cast<void>(::mallopt(M_ARENA_MAX, 2));
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, 256 << 10));
  static_cast<void>(::mallopt(M_TRIM_THRESHOLD, 1 << 20));
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

}  // namespace kachery
