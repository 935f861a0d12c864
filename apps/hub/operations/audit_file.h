// The files of the audit log: lines that are chained by their hashes. docs/formats/audit.md.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "core/digest.h"
#include "hub/operations/audit.h"
#include "os/append_file.h"

namespace kachery::hub {

// One thread at a time, one process a directory; calls block.
class AuditFile {
 public:
  // Goes on behind the last line of the newest day. A line that a crash has cut off is kept, and followed by
  // one that says so.
  static Result<AuditFile> open(const std::filesystem::path& directory, std::int64_t now_ms);

  // Appends the first ones of `entries`, those of one day, durably, and gives how many these were. Time that
  // went back is written as it is, into the newest file. After a failure none of them is there; open it
  // again.
  Result<std::size_t> append(std::span<const AuditEntry> entries);

 private:
  AuditFile(std::filesystem::path directory, std::string day, AppendFile file, Digest last)
      : directory_(std::move(directory)), day_(std::move(day)), file_(std::move(file)), last_(last) {}

  std::filesystem::path directory_;
  std::string day_;  // Of the file that is open.
  AppendFile file_;
  Digest last_;  // SHA-256 of the last line.
};

// An entry that the log itself makes.
AuditEntry audit_note(std::int64_t time_ms, std::string action, std::string why);

// What a check of the whole chain found.
struct AuditSummary {
  std::uint64_t days = 0;
  std::uint64_t lines = 0;
  std::uint64_t cut_off = 0;  // Lines that a crash has cut off.
  std::string before;         // What the first line says of the one before it: 64 zeros at the beginning.
  std::string last;  // SHA-256 of the last line. Noted elsewhere, it shows whether the end is missing.
};

// Reads every line of a directory of audit files. Code::corrupt, naming file and line, where the chain does
// not hold: a line was altered, removed or put in. Code::not_found if there are no files.
Result<AuditSummary> verify_audit(const std::filesystem::path& directory);

}  // namespace kachery::hub
