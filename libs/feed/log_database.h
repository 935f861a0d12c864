// LogDatabase: the rows of logs.db, and nothing of what they mean. docs/formats/feeds.md has the tables.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "db/database.h"
#include "feed/subfeed.h"
#include "feed/tile.h"
#include "feed/tree.h"

namespace kachery::feed {

// Numbers of rows, which mean nothing outside of the database.
enum class FeedRow : std::int64_t {};
enum class SubfeedRow : std::int64_t {};

struct FeedState {
  FeedRow row;
  std::optional<std::int64_t> deleted_ms;  // Since 1970.
};

struct SubfeedState {
  SubfeedRow row;
  TreeSize size = 0;
  std::string frontier = {};    // Frontier::bytes; empty in a deleted feed.
  std::string checkpoint = {};  // The signed note; empty where nothing was signed yet.
};

struct NamedSubfeed {
  Digest hash;
  std::optional<std::string> name;
  TreeSize size = 0;
};

// Entries of one append call within one bundle, side by side as a bundle has them.
struct Run {
  TreeSize first = 0;
  std::string entries = {};
};

// One thread at a time. What belongs together is done in one Transaction on `database()`. Errors are the
// database's; Code::corrupt for rows that cannot be what was written.
class LogDatabase {
 public:
  // Made if it is missing. `path` has no symbolic link in it. Code::invalid for a file of a later version.
  static Result<LogDatabase> open(const std::filesystem::path& path);

  Database& database() { return database_; }

  Result<std::optional<FeedState>> find_feed(const FeedId& feed);
  Result<FeedRow> add_feed(const FeedId& feed);
  Result<std::vector<FeedId>> feeds();  // But for deleted ones.

  Result<std::optional<FeedId>> feed_named(std::string_view name);
  Result<> set_name(std::string_view name, const FeedId& feed);
  Result<std::vector<std::string>> names_of(const FeedId& feed);

  Result<std::optional<SubfeedState>> find_subfeed(const SubfeedId& subfeed);
  Result<SubfeedRow> add_subfeed(FeedRow feed, const Digest& hash);
  // How it is called; stays if there is one.
  Result<> name_subfeed(SubfeedRow subfeed, std::string_view name);
  Result<> set_state(const SubfeedState& state);
  Result<std::vector<NamedSubfeed>> subfeeds(FeedRow feed);

  Result<> add_run(SubfeedRow subfeed, const Run& run);
  // The runs from the one that has the entry `first` on, until `use` gives false.
  Result<> read_runs(SubfeedRow subfeed, TreeSize first, const std::function<Result<bool>(const Run&)>& use);

  Result<> add_body(SubfeedRow subfeed, TreeSize number, std::string_view message);
  Result<std::optional<std::string>> body(SubfeedRow subfeed, TreeSize number);

  Result<> set_tile(SubfeedRow subfeed, unsigned level, std::uint64_t number, ByteView hashes);
  // Empty where there is none.
  Result<std::vector<TreeHash>> tile(SubfeedRow subfeed, unsigned level, std::uint64_t number);

  // Removes everything but the sizes and the last checkpoints, overwriting it in the file.
  Result<> bury(const FeedId& feed, FeedRow row, std::int64_t deleted_ms);

 private:
  explicit LogDatabase(Database database) : database_(std::move(database)) {}

  Database database_;
};

}  // namespace kachery::feed
