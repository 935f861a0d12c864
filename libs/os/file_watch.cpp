#include "os/file_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "os/fd.h"

namespace kachery {

struct FileWatch::State {
  Fd events;
};

FileWatch::FileWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileWatch::FileWatch(FileWatch&&) noexcept = default;
FileWatch& FileWatch::operator=(FileWatch&&) noexcept = default;
FileWatch::~FileWatch() = default;

Result<FileWatch> FileWatch::open(const std::filesystem::path& path) {
  const std::string what = "cannot watch " + path.native();
  Fd events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!events.is_open()) return fail_errno(errno, what);
  constexpr std::uint32_t kWhat = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
  if (::inotify_add_watch(events.get(), path.c_str(), kWhat) < 0) return fail_errno(errno, what);
  return FileWatch(std::make_unique<State>(State{std::move(events)}));
}

Result<bool> FileWatch::wait(std::chrono::milliseconds timeout) {
  pollfd ready{state_->events.get(), POLLIN, 0};
  const int count = ::poll(&ready, 1, static_cast<int>(timeout.count()));
  if (count < 0 && errno != EINTR) return fail_errno(errno, "cannot wait for a file to change");
  if (count <= 0) return false;
  // What the events say does not matter: whoever waits looks for itself.
  std::array<char, 4096> events{};
  while (::read(state_->events.get(), events.data(), events.size()) > 0) {
  }
  return true;
}

void signal_watchers(const std::filesystem::path& path) {
  static_cast<void>(::utimensat(AT_FDCWD, path.c_str(), nullptr, 0));
}

}  // namespace kachery
