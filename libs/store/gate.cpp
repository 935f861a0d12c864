#include "store/gate.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "os/random.h"
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

// The file, which everybody who may use the store may lock. It appears with its mode, whatever the umask:
// under a name that is cleared away like that of a session until then.
Result<> Gate::make() const {
  Result<> made = root_.make_directory("tmp");
  if (!made && made.error().code != Code::exists) return made;
  const std::string temporary = "tmp/session-" + random_hex(8) + ".lock";
  KACHERY_TRY(file, root_.create(temporary, Access::read_only));
  Result<> renamed = root_.rename(temporary, kPath, Replace::no);
  if (renamed) return {};
  static_cast<void>(root_.remove(temporary));
  return renamed.error().code == Code::exists ? Result<>() : renamed;
}

Result<std::unique_ptr<Lock>> Gate::take(Hold hold) const {
  const Result<FileStamp> there = root_.stamp(kPath);
  if (!there && there.error().code == Code::not_found) KACHERY_TRY(make());
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
