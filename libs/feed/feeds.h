// Feeds: append-only signed logs on this machine, as their users see them. docs/guide/feeds.md.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "feed/checkpoint.h"
#include "feed/gen1_feeds.h"
#include "feed/keys.h"
#include "feed/log_database.h"
#include "feed/message.h"
#include "feed/proof.h"
#include "os/clock.h"
#include "os/directory.h"
#include "os/path_facts.h"

namespace kachery::feed {

// Where feeds lie.
struct FeedsPlace {
  std::filesystem::path directory;       // Of logs.db.
  Audience audience;                     // Who may read the directory, if it has to be made.
  std::filesystem::path keys_directory;  // Of FeedKeys.
  // Of first-generation daemons: their feeds.db is read, and never changed.
  std::vector<std::filesystem::path> older = {};
};

// What becomes of a name that another feed has already.
enum class TakenName { refuse, replace };

struct Appended {
  TreeSize first = 0;  // The number of the first of the messages.
  TreeSize size = 0;   // How many the subfeed had then.
};

struct FeedListing {
  FeedId feed;
  bool writable = false;
  bool first_generation = false;
  std::vector<std::string> names = {};
  std::vector<NamedSubfeed> subfeeds = {};
};

// From where on whoever waits wants to read.
struct Position {
  SubfeedId subfeed;
  TreeSize next = 0;
};

// Whatever is given out was checked against a signature of the feed's key. What was created, appended or
// deleted is on the disk when the call returns. Thread-safe; any number of processes may use one place; never
// across a fork. Where a feed was deleted, Code::not_found says so.
class Feeds {
 public:
  // `clock` outlives it.
  Feeds(FeedsPlace place, const Clock& clock);

  // A new feed. Code::exists for a name that is taken, unless it is to be replaced.
  Result<FeedId> create(const std::optional<std::string>& name, TakenName taken);
  // The feed of this name, or a new one: of processes that ask at once, one creates it.
  Result<FeedId> find_or_create(const std::string& name);
  Result<std::optional<FeedId>> find(const std::string& name);
  // Whether anything is known of it here.
  Result<bool> knows(const FeedId& feed);
  // Whether messages can be appended to it here.
  bool is_writable(const FeedId& feed);
  Result<std::vector<FeedListing>> list();
  // For good: the messages, its names and its key. Whether there was one.
  Result<bool> remove(const FeedId& feed);

  // All or none, side by side, with one signature. Each is JSON text, kept as it is (feed/entry.h).
  // Code::denied for a feed of somebody else's, Code::corrupt where what is here is not what was signed, or
  // is older.
  Result<Appended> append(const FeedUri& subfeed, std::span<const std::string> messages);

  // Those from `range.next` on, as many as there are and `range` allows.
  Result<std::vector<Message>> read(const SubfeedId& subfeed, const ReadRange& range);
  // How many messages there are; 0 for a subfeed that is not known here. Not checked.
  Result<TreeSize> size(const SubfeedId& subfeed);
  // Blocks until one of the subfeeds has a message that its position has not passed, or the time is up, or
  // `cancel` is set. Whether there is one.
  Result<bool> wait(std::span<const Position> positions, std::chrono::milliseconds timeout,
                    const std::atomic<bool>& cancel);

  // The newest signed note. Code::not_found where nothing was signed.
  Result<std::string> checkpoint(const SubfeedId& subfeed);
  // Code::not_found for a message that is not there; Code::invalid for feeds of the first generation, which
  // have no trees.
  Result<InclusionProof> prove(const SubfeedId& subfeed, TreeSize number);
  // That the tree of now begins with that of `old_size` entries, at least 1.
  Result<ConsistencyProof> prove_since(const SubfeedId& subfeed, TreeSize old_size);

  // Gives `use` the static files of the log (c2sp.org/tlog-tiles), the checkpoint last, when all the others
  // are known to be right.
  using UseFile = std::function<Result<>(const std::string& path, ByteView content)>;
  Result<> export_files(const SubfeedId& subfeed, const UseFile& use);

 private:
  // A subfeed as logs.db has it, and what the feed's key says of it.
  struct Verified {
    SubfeedState state;
    Checkpoint checkpoint;
  };
  struct KnownCheckpoint {
    std::string note;
    Checkpoint checkpoint;
  };

  std::filesystem::path path() const { return place_.directory / "logs.db"; }
  Result<LogDatabase*> open(Missing missing);
  Result<FeedId> add_feed(LogDatabase& log, const std::optional<std::string>& name);
  Result<std::optional<Verified>> find_verified(LogDatabase& log, const SubfeedId& subfeed);
  Result<> check_absence(const SubfeedId& subfeed);
  Result<std::vector<Message>> read_older(const SubfeedId& subfeed, const ReadRange& range);
  Result<Verified> verified(LogDatabase& log, const SubfeedId& subfeed);
  Result<Checkpoint> verify(const SubfeedId& subfeed, const SubfeedState& state);
  Result<SubfeedState> state_to_extend(LogDatabase& log, const FeedUri& uri, const SubfeedId& subfeed);
  Result<KeyPair> key_of(const FeedId& feed);
  Result<bool> is_any_beyond(std::span<const Position> positions);

  FeedsPlace place_;
  const Clock& clock_;
  Gen1Feeds older_;
  std::mutex mutex_;
  FeedKeys keys_;
  std::optional<LogDatabase> log_;
  std::optional<FileIdentity> opened_;  // Which file `log_` is.
  // What was verified, or signed, here last: it is not verified again.
  std::map<SubfeedId, KnownCheckpoint> known_;
};

}  // namespace kachery::feed
