// AuditLog: who was allowed or denied what, as files of JSON lines, one a day, each line with the hash of the
// one before. docs/formats/audit.md.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

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

// Network thread only. Written behind, within a fifth of a second; what changes something is in the catalog
// anyway.
class AuditLog {
 public:
  // `directory` is made if it is missing. The loop outlives the log.
  static Result<std::unique_ptr<AuditLog>> open(const std::filesystem::path& directory, Loop& loop);
  ~AuditLog();

  void record(AuditEntry entry);
  // Until everything that was recorded so far is written.
  Task<Result<>> flush();
  // The lines of a day ("2026-11-22"), as they are. Code::not_found.
  Task<Result<std::string>> day(std::string day);

 private:
  struct State;
  explicit AuditLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kachery::hub
