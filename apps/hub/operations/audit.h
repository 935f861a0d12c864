// AuditLog: who was allowed or denied what, as files of JSON lines, one a day, each line with the hash of the
// one before. docs/formats/audit.md.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/bytes.h"
#include "core/error.h"
#include "net/loop.h"

namespace kachery::hub {

struct AuditEntry {
  std::int64_t time_ms;
  std::string request;  // RequestHead::id
  std::string peer;
  std::string actor;   // A node ID, "administrator", "metrics", or "" for nobody known.
  std::string action;  // Or the path, where it was refused before it was known.
  std::string zone;    // "" where it is about none.
  std::string
      object;  // What it was about: a digest, a count of them, a user. Never a secret, a token or a query.
  bool allowed;
  std::string why;  // "" where it was allowed.
};

// A few MB of memory; a minute of a disk that is stuck, at a hundred requests a second.
constexpr std::size_t kAuditQueueMax = 10'000;
// As much as clients take in one answer.
constexpr ByteCount kAuditAnswerBytesMax = 64 << 20;

// Network thread only. Written behind, within a fifth of a second; what changes something is in the catalog
// anyway.
class AuditLog {
 public:
  // `directory` is made if it is missing. The loop outlives the log; the log outlives the loop's run.
  static Result<std::unique_ptr<AuditLog>> open(const std::filesystem::path& directory, Loop& loop);
  ~AuditLog();

  void record(AuditEntry entry);
  // Code::unavailable while the disk takes no entries: then nothing may be changed, and the hub is not ready.
  // Entries wait in memory, up to kAuditQueueMax, and are tried again every second; more are lost.
  Result<> ready() const;
  // How many entries were lost since the start. A line of the log says so, too, once there is space.
  std::uint64_t lost() const;
  // Until everything that was recorded so far is written; Code::unavailable if the disk does not take it.
  Task<Result<>> flush();
  // The lines of a day ("2026-11-22"), as they are. Code::invalid for what is no day, Code::not_found;
  // Code::exhausted above kAuditAnswerBytesMax.
  Task<Result<std::string>> day(std::string day);

 private:
  struct State;
  explicit AuditLog(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // Owned by the log and by its task that writes.
};

}  // namespace kachery::hub
