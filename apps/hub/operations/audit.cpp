#include "hub/operations/audit.h"

#include <fmt/format.h>

#include <deque>
#include <vector>

#include "hub/operations/audit_file.h"
#include "hub/operations/day.h"
#include "hub/operations/log.h"
#include "os/clock.h"
#include "os/file.h"

namespace kachery::hub {
namespace {

using std::chrono_literals::operator""ms;

// Entries of so long are written, and synced, together.
constexpr std::chrono::milliseconds kBatchEvery = 150ms;
constexpr std::chrono::milliseconds kRetryEvery = 1'000ms;
// A batch is written in one step: half a MB or so.
constexpr std::size_t kBatchMax = 1'000;

std::int64_t now_ms() {
  return system_clock().now_ns() / 1'000'000;
}

// What came of writing a batch: how many of its entries are on the disk, and what failed then.
struct Written {
  std::size_t count = 0;
  std::optional<Error> failure;
};

}  // namespace

struct AuditLog::State {
  std::filesystem::path directory;
  Loop& loop;
  std::optional<AuditFile> file;  // Used by the pool while `writing`; none: to be opened again.
  std::deque<AuditEntry> queue = {};
  bool writing = false;  // A task is at it.
  std::optional<Error> failure = {};
  std::uint64_t lost = 0;
  std::uint64_t lost_untold = 0;  // That no line of the log has told of.
  Signal progress{loop};          // A batch was tried.

  static Task<> write_behind(std::shared_ptr<State> state);
  Written write(std::span<const AuditEntry> batch);
  std::vector<AuditEntry> take_batch();
  void settle(std::vector<AuditEntry> batch, Written written);
};

// On the pool.
Written AuditLog::State::write(std::span<const AuditEntry> batch) {
  Written written;
  if (!file) {
    auto opened = AuditFile::open(directory, now_ms());
    if (!opened) return {0, std::move(opened).error()};
    file.emplace(*std::move(opened));
  }
  while (written.count < batch.size()) {
    const auto count = file->append(batch.subspan(written.count));
    if (!count) {
      file.reset();
      written.failure = count.error();
      break;
    }
    written.count += *count;
  }
  return written;
}

std::vector<AuditEntry> AuditLog::State::take_batch() {
  std::vector<AuditEntry> batch;
  if (lost_untold > 0) {
    batch.push_back(
        audit_note(now_ms(), "audit entries were lost",
                   fmt::format("{} entries before this one, while the disk took none", lost_untold)));
    lost_untold = 0;
  }
  for (; !queue.empty() && batch.size() < kBatchMax; queue.pop_front())
    batch.push_back(std::move(queue.front()));
  return batch;
}

// What was not written goes back to where it was.
void AuditLog::State::settle(std::vector<AuditEntry> batch, Written written) {
  const bool failed_before = failure.has_value();
  failure = std::move(written.failure);
  for (; batch.size() > written.count; batch.pop_back()) queue.push_front(std::move(batch.back()));
  if (failure && !failed_before)
    log(Severity::error, "audit log cannot be written", {{"why", failure->message}});
  if (!failure && failed_before) log(Severity::info, "audit log is written again", {{"lost", lost}});
}

// One at a time; ends when there is nothing left to write.
Task<> AuditLog::State::write_behind(std::shared_ptr<State> state) {
  while (!state->queue.empty()) {
    const auto pause = state->failure ? kRetryEvery : kBatchEvery;
    co_await state->loop.sleep(pause);
    std::vector<AuditEntry> batch = state->take_batch();
    State* pool = state.get();  // Kept alive by this task.
    auto write = [pool, &batch] { return pool->write(batch); };
    Written written = co_await state->loop.offload(std::move(write));
    state->settle(std::move(batch), std::move(written));
    state->progress.notify();
  }
  state->writing = false;
  state->progress.notify();
}

AuditLog::AuditLog(std::shared_ptr<State> state) : state_(std::move(state)) {}
AuditLog::~AuditLog() = default;

Result<std::unique_ptr<AuditLog>> AuditLog::open(const std::filesystem::path& directory, Loop& loop) {
  KACHERY_TRY(file, AuditFile::open(directory, now_ms()));
  auto state = std::make_shared<State>(directory, loop, std::move(file));
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(state)));
}

void AuditLog::record(AuditEntry entry) {
  if (state_->queue.size() >= kAuditQueueMax) {
    ++state_->lost;
    ++state_->lost_untold;
    return;
  }
  state_->queue.push_back(std::move(entry));
  if (std::exchange(state_->writing, true)) return;
  state_->loop.spawn(State::write_behind(state_));
}

Result<> AuditLog::ready() const {
  if (!state_->failure) return {};
  return fail(Code::unavailable,
              "the hub changes nothing while its audit log cannot be written: " + state_->failure->message);
}

std::uint64_t AuditLog::lost() const {
  return state_->lost;
}

Task<Result<>> AuditLog::flush() {
  const std::shared_ptr<State> state = state_;
  while (state->writing) {
    co_await state->progress.wait(kRetryEvery);
    if (state->failure) co_return ready();
  }
  co_return Result<>();
}

Task<Result<std::string>> AuditLog::day(std::string day) {
  KACHERY_CO_TRY(check_day(day));
  std::filesystem::path path = state_->directory / (day + ".jsonl");
  auto read = [path = std::move(path), day]() -> Result<std::string> {
    auto file = open_user_file(path);
    if (!file && file.error().code == Code::not_found)
      return fail(Code::not_found, "there is no audit log of " + day);
    if (!file) return std::unexpected(std::move(file).error());
    KACHERY_TRY(stamp, (*file)->stamp());
    if (stamp.size > kAuditAnswerBytesMax)
      return fail(Code::exhausted,
                  fmt::format("the audit log of {} has {} bytes; read {} in the hub's directory", day,
                              stamp.size, path.native()));
    std::string lines(stamp.size, '\0');
    KACHERY_TRY(read_exactly(**file, 0, std::as_writable_bytes(std::span(lines))));
    return lines;
  };
  co_return co_await state_->loop.offload(std::move(read));
}

}  // namespace kachery::hub
