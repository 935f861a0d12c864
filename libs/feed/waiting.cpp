// Feeds::wait: how readers learn of messages that other processes append.
#include <algorithm>
#include <thread>

#include "feed/feeds.h"
#include "os/file_watch.h"

namespace kachery::feed {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long it takes to be cancelled.
constexpr milliseconds kNapMax{100};
// A writer that was killed behind its commit has signalled nobody.
constexpr milliseconds kLookAfter{1000};

}  // namespace

Result<bool> Feeds::is_any_beyond(std::span<const Position> positions) {
  for (const Position& position : positions) {
    KACHERY_TRY(now, size(position.subfeed));
    if (now > position.next) return true;
  }
  return false;
}

Result<bool> Feeds::wait(std::span<const Position> positions, milliseconds timeout,
                         const std::atomic<bool>& cancel) {
  const auto deadline = steady_clock::now() + timeout;
  std::optional<FileWatch> watch;
  for (;;) {
    // In this order, so that what comes between watching and looking is not missed. Anew each time, because
    // another file may have come to lie there. Before the first feed is created there is nothing to watch.
    Result<FileWatch> opened = FileWatch::open(path());
    if (!opened && opened.error().code != Code::not_found) return std::unexpected(std::move(opened).error());
    watch.reset();
    if (opened) watch = *std::move(opened);
    KACHERY_TRY(beyond, is_any_beyond(positions));
    if (beyond) return true;

    const auto look_again = steady_clock::now() + (watch ? kLookAfter : kNapMax);
    for (bool signalled = false; !signalled;) {
      if (cancel) return fail(Code::cancelled, "waiting for messages was cancelled");
      const auto now = steady_clock::now();
      if (now >= deadline) return false;
      if (now >= look_again) break;
      const auto nap = std::min({kNapMax, std::chrono::ceil<milliseconds>(deadline - now),
                                 std::chrono::ceil<milliseconds>(look_again - now)});
      if (watch) {
        KACHERY_TRY(woken, watch->wait(nap));
        signalled = woken;
      } else {
        std::this_thread::sleep_for(nap);
      }
    }
  }
}

}  // namespace kachery::feed
