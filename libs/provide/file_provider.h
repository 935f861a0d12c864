// FileProvider: gives others the files that are here, by sending them to the zone, or to a channel of it,
// when they are asked for. docs/protocol/live.md, the calls "have" and "upload".
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "client/session.h"
#include "core/names.h"
#include "core/node_id.h"
#include "net/channel.h"
#include "net/loop.h"
#include "provide/own_channels.h"
#include "wire/resources.h"

namespace kachery {

// What one asker may make us send within a day. More than a disk, and less than what would fill a bucket
// unseen.
constexpr ByteCount kAskerBytesMax = 1'000'000'000'000;

// Uploads that wait for their turn; more are refused.
constexpr std::size_t kUploadsWaitingMax = 10'000;

// Questions whether a file is here: those that look into the store at a time, for which the pool has threads
// beside those of the uploads, and those that wait for it; more are refused.
constexpr std::size_t kLookUpsMax = 2;
constexpr std::size_t kLookUpsWaitingMax = 1'000;

struct FileProviderParts {
  Loop& loop;               // With a thread on its pool for each upload and look-up, and one more.
  Session& session;         // Whose files are given, and whose key signs the uploads.
  ZoneName zone;            // The only one that is served.
  std::size_t uploads_max;  // At a time; from 1.
  ByteCount asker_bytes_max = kAskerBytesMax;
  OwnChannels* channels = nullptr;  // In which files are provided; null: in none.
  // A line for whoever keeps the daemon. It may name paths, which no asker is told.
  std::function<void(const std::string& line)> say;
};

// What became of the uploads since the beginning.
struct UploadCounts {
  std::size_t running = 0;
  std::size_t waiting = 0;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;  // Also those that nobody wanted any more.
  ByteCount bytes = 0;       // Of the completed ones.
  bool operator==(const UploadCounts&) const = default;
};

// What somebody wants, and where to.
struct Wanted {
  Digest digest;
  std::optional<ChannelName> channel = {};  // None: to the zone.
  auto operator<=>(const Wanted&) const = default;
};

// Network thread only. Lives until Loop::run() has returned. One upload to a place serves all who ask, and
// one of a digest goes on at a time, so that what is wanted in two places is sent once; they begin in the
// order in which they were found. What it says of a file is a wire::AskState; nothing of it names a path.
class FileProvider {
 public:
  explicit FileProvider(FileProviderParts parts)
      : parts_(std::move(parts)), idle_(parts_.loop), looked_(parts_.loop) {}
  FileProvider(const FileProvider&) = delete;
  FileProvider& operator=(const FileProvider&) = delete;

  // Somebody's interest in a file, for as long as it lives. When the last one of a file is gone, its upload
  // stops.
  class Interest;

  // `changed` is notified whenever there is something new to say, five times a second at most; it outlives
  // the interest. Whether anything may be sent to the channel is the caller's to know.
  std::unique_ptr<Interest> ask(const Wanted& wanted, const std::optional<NodeId>& asker, Signal& changed);

  // The calls of a hub: their answers. What is asked for through channels in which this node does not provide
  // files is answered without a look at the store.
  Task<Result<std::string>> have(std::shared_ptr<IncomingCall> call);
  Task<Result<std::string>> upload(std::shared_ptr<IncomingCall> call);

  UploadCounts counts() const;

  // Stops what goes on, takes no more, and waits until nothing uses the session, for `wait` at most.
  Task<> stop(std::chrono::milliseconds wait);

 private:
  struct Job;

  Result<> check_zone(const ZoneName& zone) const;
  Task<Result<>> check_channels(std::vector<ChannelName> channels);
  Task<Result<std::string>> look(std::shared_ptr<IncomingCall> call, Digest digest);
  Task<> run(std::shared_ptr<Job> job);
  Task<> watch(std::shared_ptr<Job> job);
  Task<> send(std::shared_ptr<Job> job);
  Result<> admit(Job& job);
  Result<> charge(const std::optional<NodeId>& asker, ByteCount size);
  void start_next();
  void abandon(const std::shared_ptr<Job>& job);
  void finish(const std::shared_ptr<Job>& job, wire::AskState state);

  FileProviderParts parts_;
  std::map<Wanted, std::shared_ptr<Job>> jobs_;  // That somebody is interested in.
  std::deque<std::shared_ptr<Job>> waiting_;
  std::set<Digest> running_;
  UploadCounts counts_;  // But those that run or wait.
  bool is_stopping_ = false;
  Signal idle_;  // Something that used the session has ended.
  std::size_t looking_ = 0;
  std::size_t waiting_to_look_ = 0;
  Signal looked_;  // Somebody else may look now.
  std::map<std::optional<NodeId>, ByteCount> sent_today_;
  std::chrono::steady_clock::time_point day_began_ = std::chrono::steady_clock::now();
};

class FileProvider::Interest {
 public:
  Interest(FileProvider& provider, std::shared_ptr<Job> job, Signal& changed);
  Interest(const Interest&) = delete;
  Interest& operator=(const Interest&) = delete;
  ~Interest();

  wire::AskState state() const;

 private:
  FileProvider& provider_;
  std::shared_ptr<Job> job_;
  Signal& changed_;
};

}  // namespace kachery
