// The program: reads the arguments, makes the parts, runs one command.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>

#include "arguments.h"
#include "command.h"

namespace {

std::atomic<kachery::Progress*> running = nullptr;

// The first signal asks the command to stop and to clean up; a second one ends the program at once.
void on_signal(int signal) {
  if (kachery::Progress* progress = running) progress->cancel = true;
  static_cast<void>(std::signal(signal, SIG_DFL));
}

int run_main(int argc, char** argv) {
  auto parsed = kachery::cli::parse_arguments({argv, argv + argc});
  if (const auto* finished = std::get_if<kachery::cli::Finished>(&parsed)) return finished->exit_status;
  auto& arguments = std::get<kachery::cli::Arguments>(parsed);

  kachery::Progress progress;
  kachery::cli::Context context(std::move(arguments.common), progress);
  running = &progress;
  // Without SA_RESTART: a write that waits for a reader must end, too.
  struct sigaction action{};
  action.sa_handler = on_signal;
  static_cast<void>(::sigaction(SIGINT, &action, nullptr));
  static_cast<void>(::sigaction(SIGTERM, &action, nullptr));
  const int status = kachery::cli::run(*arguments.command, context);
  running = nullptr;
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_main(argc, argv);
  } catch (const std::exception& error) {
    // Our own code throws nothing; this is the memory that ran out.
    static_cast<void>(std::fprintf(stderr, "kachery: %s\n", error.what()));
    return kachery::exit_status(kachery::Code::exhausted);
  }
}
