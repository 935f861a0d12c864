#include "store/gate.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "store/pump.h"

namespace kachery {
namespace {

using std::chrono::steady_clock;

constexpr const char* kPath = "tmp/gate.lock";
constexpr std::chrono::seconds kPassDeadline{60};
constexpr std::chrono::seconds kCloseDeadline{30};
constexpr std::chrono::microseconds kFirstPause{100};
constexpr std::chrono::microseconds kPauseMax{5000};

template <class Try>
Result<std::unique_ptr<Lock>> try_until(steady_clock::time_point deadline, const Progress* progress,
                                        const Try& attempt) {
  for (auto pause = kFirstPause;; pause = std::min(2 * pause, kPauseMax)) {
    Result<std::unique_ptr<Lock>> lock = attempt();
    if (lock || lock.error().code != Code::unavailable || steady_clock::now() > deadline) return lock;
    if (progress != nullptr && progress->cancel) return fail_cancelled();
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

Result<std::unique_ptr<Lock>> Gate::take(Hold hold) const {
  Result<std::unique_ptr<Lock>> lock = root_.lock(kPath, hold);
  if (lock || lock.error().code != Code::not_found) return lock;
  const Result<> made = root_.make_directory("tmp");
  if (!made && made.error().code != Code::exists) return std::unexpected(made.error());
  return root_.lock(kPath, hold);
}

Result<std::unique_ptr<Lock>> Gate::pass() const {
  auto lock = try_until(steady_clock::now() + kPassDeadline, nullptr, [&] { return take(Hold::shared); });
  if (!lock && lock.error().code == Code::unavailable)
    return fail(Code::timed_out, "a deletion (kachery gc or rm) in " + root_.name() +
                                     " has not ended for a minute; is that process stopped?");
  return lock;
}

Result<std::unique_ptr<Lock>> Gate::close(const Progress& progress) const {
  auto lock = try_until(steady_clock::now() + kCloseDeadline, &progress, [&] { return take(Hold::alone); });
  if (!lock && lock.error().code == Code::unavailable)
    return fail(Code::unavailable, "nothing could be deleted in " + root_.name() +
                                       ", because others were storing there all the time; try again");
  return lock;
}

}  // namespace kachery
