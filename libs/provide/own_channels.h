// OwnChannels: in which channels of a zone this node provides files, as the hub tells it.
// docs/decisions/0011-channels.md.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/session.h"
#include "core/names.h"
#include "net/loop.h"
#include "wire/channels.h"

namespace kachery {

struct OwnChannelsParts {
  Loop& loop;        // With a thread on its pool for the question.
  Session& session;  // Whose key asks, and whose hub is asked.
  ZoneName zone;
  std::chrono::milliseconds yes_max{60'000};  // So long a role counts without another question.
  std::chrono::milliseconds no_max{1'000};    // And its absence: a role that was just granted counts at once.
  std::function<void(const std::string& line)> say;  // A line for whoever keeps the daemon.
};

// Network thread only; lives until Loop::run() has returned. One question goes to the hub at a time, for all
// who wait for its answer.
class OwnChannels {
 public:
  explicit OwnChannels(OwnChannelsParts parts) : parts_(std::move(parts)), answered_(parts_.loop) {}
  OwnChannels(const OwnChannels&) = delete;
  OwnChannels& operator=(const OwnChannels&) = delete;

  // Whether the role `provideFiles` holds, granted and wanted, in at least one of these. False, and a line
  // that says why, if the hub does not tell within some seconds.
  Task<bool> provides_files_in(std::vector<ChannelName> channels);

  // Gives up the question that is under way, and asks no more.
  void stop();

 private:
  using Time = std::chrono::steady_clock::time_point;

  bool is_known_to_provide(const std::vector<ChannelName>& channels, Time now) const;
  Task<> ask();
  Task<> limit(std::shared_ptr<std::atomic<bool>> cancel);
  void take(const Result<wire::ChannelList>& list, Time begun);

  OwnChannelsParts parts_;
  std::set<ChannelName> provided_;  // As of told_.
  std::optional<Time> told_;        // When the question was put that was answered last,
  std::optional<Time> asked_;       // and the one that has ended last, in whatever way.
  // Of the question under way, which shares it; null: there is none.
  std::shared_ptr<std::atomic<bool>> cancel_;
  bool is_stopped_ = false;
  Signal answered_;  // A question has ended.
};

}  // namespace kachery
