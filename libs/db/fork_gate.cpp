#include "db/fork_gate.h"

#include <pthread.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>

namespace kachery {
namespace {

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;   // Threads.
  int forking = 0;  // Likewise.
};

// Never destroyed: threads may outlive main().
Gate& the_gate();

thread_local int depth = 0;

void before_fork() {
  std::unique_lock lock(the_gate().mutex);
  ++the_gate().forking;
  the_gate().changed.wait(lock, [] { return the_gate().inside == 0; });
}

void after_fork_in_parent() {
  const std::scoped_lock lock(the_gate().mutex);
  --the_gate().forking;
  the_gate().changed.notify_all();
}

// Its only thread is not inside; what others did to the gate at that moment is unknown.
void after_fork_in_child() {
  new (&the_gate()) Gate;
}

Gate& the_gate() {
  static Gate& gate = [] -> Gate& {
    if (::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0) std::abort();
    return *new Gate;
  }();
  return gate;
}

}  // namespace

InSqlite::InSqlite() {
  if (depth++ > 0) return;
  std::unique_lock lock(the_gate().mutex);
  the_gate().changed.wait(lock, [] { return the_gate().forking == 0; });
  ++the_gate().inside;
}

InSqlite::~InSqlite() {
  if (--depth > 0) return;
  const std::scoped_lock lock(the_gate().mutex);
  --the_gate().inside;
  if (the_gate().inside == 0) the_gate().changed.notify_all();
}

}  // namespace kachery
