#include "os/process.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace kachery {

std::uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? limit.rlim_max : limit.rlim_cur;
}

void keep_memory_small() {
  // mallopt(3): setting a threshold also ends its growing with what was freed.
  // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread.
  static_cast<void>(::mallopt(M_ARENA_MAX, 2));
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, 256 << 10));
  static_cast<void>(::mallopt(M_TRIM_THRESHOLD, 1 << 20));
  // NOLINTEND(concurrency-mt-unsafe)
}

std::int64_t process_id() {
  return ::getpid();
}

Result<> ask_to_end(std::int64_t process) {
  KACHERY_ASSERT(process > 1);
  if (::kill(static_cast<pid_t>(process), SIGTERM) == 0) return {};
  const std::string what = "cannot stop the process " + std::to_string(process);
  if (errno == ESRCH) return fail(Code::not_found, what + ": there is none of this ID");
  return fail_errno(errno, what);
}

Result<std::filesystem::path> program_path() {
  std::error_code error;
  std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail_errno(error.value(), "cannot find out which program runs here");
  return path;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

}  // namespace kachery
