// parallel_for: the same work for many items on a few threads, which are gone when it returns (so forks are
// safe).
#pragma once

#include <cstddef>
#include <functional>

#include "core/error.h"

namespace kachery {

// As many threads as this process may use processors.
std::size_t processor_count();

// Calls work(0) .. work(count - 1), on up to `threads` threads. After the first failure no new item is begun,
// and that failure is returned.
Result<> parallel_for(std::size_t count, std::size_t threads,
                      const std::function<Result<>(std::size_t)>& work);

}  // namespace kachery
