#include "os/background.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "os/fd.h"

namespace kachery {
namespace {

// What goes through the pipe: this for a beginning, else the number of the code and the message of a failure.
constexpr char kBegun = '+';
constexpr char kFailed = '-';

void tell(int descriptor, const Result<>& outcome) {
  std::string text(1, kBegun);
  if (!outcome)
    text = kFailed + std::string(1, static_cast<char>('0' + static_cast<int>(outcome.error().code))) +
           outcome.error().message;
  // Who does not listen any more needs not be told.
  static_cast<void>(!::write(descriptor, text.data(), text.size()));
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t got = ::read(descriptor, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

Result<> redirect(const Fd& output) {
  const Fd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!input.is_open()) return fail_errno(errno, "cannot open /dev/null");
  for (const auto& [from, to] : {std::pair(input.get(), STDIN_FILENO), std::pair(output.get(), STDOUT_FILENO),
                                 std::pair(output.get(), STDERR_FILENO)})
    if (::dup2(from, to) < 0) return fail_errno(errno, "cannot redirect the standard streams");
  return {};
}

[[noreturn]] void live(Fd output, Fd pipe, const std::function<int(const SayBegun&)>& work) {
  ::setsid();
  const SayBegun say = [&pipe](const Result<>& outcome) {
    if (pipe.is_open()) tell(pipe.get(), outcome);
    pipe = Fd();
  };
  const Result<> redirected = redirect(output);
  if (!redirected) say(redirected);
  output = Fd();
  ::_exit(redirected ? work(say) : 1);
}

}  // namespace

Result<std::int64_t> run_in_background(const std::filesystem::path& log,
                                       const std::function<int(const SayBegun&)>& work) {
  Fd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!output.is_open()) return fail_errno(errno, "cannot write " + log.native());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(errno, "cannot make a process");
  if (child == 0) live(std::move(output), std::move(writing), work);
  writing = Fd();
  const std::string said = read_all(reading.get());
  if (said.starts_with(kBegun)) return child;
  ::waitpid(child, nullptr, 0);
  if (said.size() < 2 || said.front() != kFailed)
    return fail(Code::unavailable, "it ended at once; " + log.native() + " may say why");
  return fail(static_cast<Code>(said[1] - '0'), said.substr(2));
}

}  // namespace kachery
