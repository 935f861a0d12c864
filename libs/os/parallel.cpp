#include "os/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace kachery {

std::size_t processor_count() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
  return std::max(1U, std::thread::hardware_concurrency());
}

Result<> parallel_for(std::size_t count, std::size_t threads,
                      const std::function<Result<>(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> stop = false;
  std::mutex failure_mutex;
  std::optional<Error> failure;

  const auto run = [&] {
    while (!stop) {
      const std::size_t item = next++;
      if (item >= count) return;
      Result<> done = work(item);
      if (done) continue;
      const std::scoped_lock lock(failure_mutex);
      if (!failure) failure = std::move(done).error();
      stop = true;
    }
  };

  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min(threads, count); ++i) helpers.emplace_back(run);
  run();
  helpers.clear();
  if (failure) return std::unexpected(*std::move(failure));
  return {};
}

}  // namespace kachery
