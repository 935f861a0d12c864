// DaemonPlace: that one daemon at a time provides the files of a store, and what it says of itself.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "client/configuration.h"
#include "os/directory.h"
#include "wire/codec.h"

namespace kachery::daemon {

// What a daemon's connection is like.
inline constexpr const char* kConnecting = "connecting";
inline constexpr const char* kConnected = "connected";
inline constexpr const char* kWaiting = "waiting";  // For the next attempt.

// What a daemon of a node says of itself, in status.json.
struct DaemonStatus {
  std::int64_t process;     // Its ID on this machine.
  std::int64_t started_ms;  // Milliseconds since 1970.
  std::string program;      // "kachery 0.2.0".
  std::string hub;
  ZoneName zone;
  std::string state;                    // One of those.
  std::int64_t since_ms;                // Since when it has this state.
  std::optional<std::string> why = {};  // Why it is not connected.
  std::uint64_t uploads_running = 0;
  std::uint64_t uploads_waiting = 0;
  std::uint64_t uploads_completed = 0;
  std::uint64_t uploads_failed = 0;
  std::uint64_t bytes_provided = 0;  // Of the completed ones.
  static constexpr auto kFields = wire::fields(
      "process", &DaemonStatus::process, "started_ms", &DaemonStatus::started_ms, "program",
      &DaemonStatus::program, "hub", &DaemonStatus::hub, "zone", &DaemonStatus::zone, "state",
      &DaemonStatus::state, "since_ms", &DaemonStatus::since_ms, "why", &DaemonStatus::why, "uploads_running",
      &DaemonStatus::uploads_running, "uploads_waiting", &DaemonStatus::uploads_waiting, "uploads_completed",
      &DaemonStatus::uploads_completed, "uploads_failed", &DaemonStatus::uploads_failed, "bytes_provided",
      &DaemonStatus::bytes_provided);
};

// A folder beside the node's keys, for its owner alone: lock, status.json, log. One thread.
class DaemonPlace {
 public:
  // Takes it until the object is destroyed, in whatever process that is. Code::exists, with what that says of
  // itself, if a daemon runs already.
  static Result<DaemonPlace> take(const Configuration& configuration);

  // For whoever asks; replaces what was said before.
  Result<> note(const DaemonStatus& status) const;

  // Of a daemon in the background.
  std::filesystem::path log() const { return path_ / "log"; }

 private:
  DaemonPlace(std::filesystem::path path, std::unique_ptr<Directory> root, std::unique_ptr<Lock> lock)
      : path_(std::move(path)), root_(std::move(root)), lock_(std::move(lock)) {}

  std::filesystem::path path_;
  std::unique_ptr<Directory> root_;
  std::unique_ptr<Lock> lock_;
};

// What the daemon of this store said last. Code::not_found if none runs, Code::unavailable if one runs and
// has said nothing yet.
Result<DaemonStatus> daemon_status(const Configuration& configuration);

}  // namespace kachery::daemon
