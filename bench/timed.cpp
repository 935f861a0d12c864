// Runs a command and writes "SECONDS PEAK_KIB" to descriptor 3. The kernel counts the memory of whoever
// starts a program into the program's peak; this one has next to none, a Python script has 20 MiB.
//   timed COMMAND ARGUMENT...
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: timed COMMAND ARGUMENT...  (writes to descriptor 3)\n", stderr);
    return 2;
  }
  const auto begun = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(3);
    ::execvp(argv[1], argv + 1);
    std::perror(argv[1]);
    ::_exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || ::wait4(child, &status, 0, &usage) != child) {
    std::perror("timed");
    return 1;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  if (::dprintf(3, "%.6f %ld\n", taken.count(), usage.ru_maxrss) < 0) std::perror("descriptor 3");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
