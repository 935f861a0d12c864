#include "feed/log_database.h"

namespace kachery::feed {
namespace {

constexpr std::int64_t kVersion = 1;

constexpr const char* kSchema = R"(
CREATE TABLE feeds(
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  deleted_ms INTEGER);
CREATE TABLE names(
  name TEXT PRIMARY KEY,
  feed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE subfeeds(
  id INTEGER PRIMARY KEY,
  feed INTEGER NOT NULL REFERENCES feeds(id),
  hash BLOB NOT NULL,
  name TEXT,
  size INTEGER NOT NULL,
  frontier BLOB NOT NULL,
  checkpoint TEXT NOT NULL,
  UNIQUE(feed, hash));
CREATE TABLE runs(
  subfeed INTEGER NOT NULL,
  first INTEGER NOT NULL,
  entries BLOB NOT NULL,
  PRIMARY KEY(subfeed, first)) WITHOUT ROWID;
CREATE TABLE bodies(
  subfeed INTEGER NOT NULL,
  number INTEGER NOT NULL,
  message BLOB NOT NULL,
  PRIMARY KEY(subfeed, number)) WITHOUT ROWID;
CREATE TABLE tiles(
  subfeed INTEGER NOT NULL,
  level INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY(subfeed, level, number)) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

std::int64_t number_of(FeedRow row) {
  return static_cast<std::int64_t>(row);
}
std::int64_t number_of(SubfeedRow row) {
  return static_cast<std::int64_t>(row);
}
std::int64_t number_of(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

Result<std::int64_t> ask_number(Database& database, std::string_view sql) {
  KACHERY_TRY(select, database.prepare(sql));
  KACHERY_TRY(found, select.step());
  KACHERY_ASSERT(found);
  return select.column_int(0);
}

Result<FeedId> feed_of(ByteView bytes) {
  NodeId::Key key{};
  if (bytes.size() != key.size()) return fail(Code::corrupt, "logs.db is damaged: a feed in it has no key");
  std::ranges::copy(bytes, key.begin());
  return FeedId(NodeId(key));
}

Result<Digest> hash_of(ByteView bytes) {
  if (bytes.size() != digest_size(Algorithm::sha1))
    return fail(Code::corrupt, "logs.db is damaged: a subfeed in it has no hash");
  return Digest(Algorithm::sha1, bytes);
}

}  // namespace

Result<LogDatabase> LogDatabase::open(const std::filesystem::path& path) {
  Result<Database> opened = Database::open(path, Durability::full);
  // Somebody else's, which we may look at.
  if (!opened && opened.error().code == Code::denied) opened = Database::open_read_only(path);
  if (!opened) return std::unexpected(std::move(opened).error());
  LogDatabase log(*std::move(opened));
  KACHERY_TRY(version, ask_number(log.database_, "PRAGMA user_version"));
  if (version == 0) {
    KACHERY_TRY(transaction, Transaction::begin(log.database_));
    // Another process may have been quicker.
    KACHERY_TRY(now, ask_number(log.database_, "PRAGMA user_version"));
    if (now == 0) KACHERY_TRY(log.database_.run(kSchema));
    KACHERY_TRY(transaction.commit());
    version = kVersion;
  }
  if (version > kVersion)
    return fail(Code::invalid, path.native() + " was made by a later version of kachery: use that one");
  return log;
}

Result<std::optional<FeedState>> LogDatabase::find_feed(const FeedId& feed) {
  KACHERY_TRY(select, database_.prepare("SELECT id, deleted_ms FROM feeds WHERE key = ?1"));
  KACHERY_TRY(found, select.bind(1, feed.bytes()).step());
  if (!found) return std::nullopt;
  FeedState state{FeedRow{select.column_int(0)}, {}};
  if (!select.is_null(1)) state.deleted_ms = select.column_int(1);
  return state;
}

Result<FeedRow> LogDatabase::add_feed(const FeedId& feed) {
  KACHERY_TRY(insert, database_.prepare("INSERT INTO feeds(key) VALUES(?1)"));
  KACHERY_TRY(insert.bind(1, feed.bytes()).run());
  KACHERY_TRY(row, ask_number(database_, "SELECT last_insert_rowid()"));
  return FeedRow{row};
}

Result<std::vector<FeedId>> LogDatabase::feeds() {
  std::vector<FeedId> feeds;
  KACHERY_TRY(select, database_.prepare("SELECT key FROM feeds WHERE deleted_ms IS NULL ORDER BY id"));
  for (;;) {
    KACHERY_TRY(found, select.step());
    if (!found) return feeds;
    KACHERY_TRY(feed, feed_of(select.column_bytes(0)));
    feeds.push_back(feed);
  }
}

Result<std::optional<FeedId>> LogDatabase::feed_named(std::string_view name) {
  KACHERY_TRY(select, database_.prepare("SELECT feed FROM names WHERE name = ?1"));
  KACHERY_TRY(found, select.bind(1, name).step());
  if (!found) return std::nullopt;
  KACHERY_TRY(feed, feed_of(select.column_bytes(0)));
  return feed;
}

Result<> LogDatabase::set_name(std::string_view name, const FeedId& feed) {
  KACHERY_TRY(insert, database_.prepare("INSERT OR REPLACE INTO names VALUES(?1, ?2)"));
  return insert.bind(1, name).bind(2, feed.bytes()).run();
}

Result<std::vector<std::string>> LogDatabase::names_of(const FeedId& feed) {
  std::vector<std::string> names;
  KACHERY_TRY(select, database_.prepare("SELECT name FROM names WHERE feed = ?1 ORDER BY name"));
  select.bind(1, feed.bytes());
  for (;;) {
    KACHERY_TRY(found, select.step());
    if (!found) return names;
    names.emplace_back(select.column_text(0));
  }
}

Result<std::optional<SubfeedState>> LogDatabase::find_subfeed(const SubfeedId& subfeed) {
  KACHERY_TRY(select,
              database_.prepare("SELECT subfeeds.id, size, frontier, checkpoint FROM subfeeds JOIN feeds ON "
                                "feeds.id = feed WHERE key = ?1 AND hash = ?2"));
  KACHERY_TRY(found, select.bind(1, subfeed.feed.bytes()).bind(2, subfeed.hash.bytes()).step());
  if (!found) return std::nullopt;
  return SubfeedState{SubfeedRow{select.column_int(0)}, static_cast<TreeSize>(select.column_int(1)),
                      std::string(select.column_text(2)), std::string(select.column_text(3))};
}

Result<SubfeedRow> LogDatabase::add_subfeed(FeedRow feed, const Digest& hash) {
  KACHERY_TRY(insert, database_.prepare(
                          "INSERT INTO subfeeds(feed, hash, size, frontier, checkpoint) VALUES(?1, ?2, 0, "
                          "x'', '')"));
  KACHERY_TRY(insert.bind(1, number_of(feed)).bind(2, hash.bytes()).run());
  KACHERY_TRY(row, ask_number(database_, "SELECT last_insert_rowid()"));
  return SubfeedRow{row};
}

Result<> LogDatabase::name_subfeed(SubfeedRow subfeed, std::string_view name) {
  KACHERY_TRY(update, database_.prepare("UPDATE subfeeds SET name = ?2 WHERE id = ?1 AND name IS NULL"));
  return update.bind(1, number_of(subfeed)).bind(2, name).run();
}

Result<> LogDatabase::set_state(const SubfeedState& state) {
  KACHERY_TRY(update, database_.prepare(
                          "UPDATE subfeeds SET size = ?2, frontier = ?3, checkpoint = ?4 WHERE id = ?1"));
  update.bind(1, number_of(state.row)).bind(2, number_of(state.size));
  return update.bind(3, as_bytes(state.frontier)).bind(4, state.checkpoint).run();
}

Result<std::vector<NamedSubfeed>> LogDatabase::subfeeds(FeedRow feed) {
  std::vector<NamedSubfeed> subfeeds;
  KACHERY_TRY(select, database_.prepare("SELECT hash, name, size FROM subfeeds WHERE feed = ?1 ORDER BY id"));
  select.bind(1, number_of(feed));
  for (;;) {
    KACHERY_TRY(found, select.step());
    if (!found) return subfeeds;
    KACHERY_TRY(hash, hash_of(select.column_bytes(0)));
    NamedSubfeed subfeed{hash, {}, static_cast<TreeSize>(select.column_int(2))};
    if (!select.is_null(1)) subfeed.name = select.column_text(1);
    subfeeds.push_back(std::move(subfeed));
  }
}

Result<> LogDatabase::add_run(SubfeedRow subfeed, const Run& run) {
  KACHERY_TRY(insert, database_.prepare("INSERT INTO runs VALUES(?1, ?2, ?3)"));
  return insert.bind(1, number_of(subfeed))
      .bind(2, number_of(run.first))
      .bind(3, as_bytes(run.entries))
      .run();
}

Result<> LogDatabase::read_runs(SubfeedRow subfeed, TreeSize first,
                                const std::function<Result<bool>(const Run&)>& use) {
  KACHERY_TRY(select,
              database_.prepare("SELECT first, entries FROM runs WHERE subfeed = ?1 AND first >= (SELECT "
                                "max(first) FROM runs WHERE subfeed = ?1 AND first <= ?2) ORDER BY first"));
  select.bind(1, number_of(subfeed)).bind(2, number_of(first));
  for (;;) {
    KACHERY_TRY(found, select.step());
    if (!found) return {};
    KACHERY_TRY(more, use({static_cast<TreeSize>(select.column_int(0)), std::string(select.column_text(1))}));
    if (!more) return {};
  }
}

Result<> LogDatabase::add_body(SubfeedRow subfeed, TreeSize number, std::string_view message) {
  KACHERY_TRY(insert, database_.prepare("INSERT INTO bodies VALUES(?1, ?2, ?3)"));
  return insert.bind(1, number_of(subfeed)).bind(2, number_of(number)).bind(3, as_bytes(message)).run();
}

Result<std::optional<std::string>> LogDatabase::body(SubfeedRow subfeed, TreeSize number) {
  KACHERY_TRY(select, database_.prepare("SELECT message FROM bodies WHERE subfeed = ?1 AND number = ?2"));
  KACHERY_TRY(found, select.bind(1, number_of(subfeed)).bind(2, number_of(number)).step());
  if (!found) return std::nullopt;
  return std::string(select.column_text(0));
}

Result<> LogDatabase::set_tile(SubfeedRow subfeed, unsigned level, std::uint64_t number, ByteView hashes) {
  KACHERY_TRY(insert, database_.prepare("INSERT OR REPLACE INTO tiles VALUES(?1, ?2, ?3, ?4)"));
  insert.bind(1, number_of(subfeed)).bind(2, std::int64_t{level}).bind(3, number_of(number));
  return insert.bind(4, hashes).run();
}

Result<std::vector<TreeHash>> LogDatabase::tile(SubfeedRow subfeed, unsigned level, std::uint64_t number) {
  KACHERY_TRY(select, database_.prepare(
                          "SELECT hashes FROM tiles WHERE subfeed = ?1 AND level = ?2 AND number = ?3"));
  select.bind(1, number_of(subfeed)).bind(2, std::int64_t{level}).bind(3, number_of(number));
  KACHERY_TRY(found, select.step());
  if (!found) return std::vector<TreeHash>{};
  return split_tile(select.column_bytes(0));
}

Result<> LogDatabase::bury(const FeedId& feed, FeedRow row, std::int64_t deleted_ms) {
  KACHERY_TRY(database_.run("PRAGMA secure_delete = ON"));
  KACHERY_TRY(transaction, Transaction::begin(database_));
  for (const char* sql : {"DELETE FROM runs WHERE subfeed IN (SELECT id FROM subfeeds WHERE feed = ?1)",
                          "DELETE FROM bodies WHERE subfeed IN (SELECT id FROM subfeeds WHERE feed = ?1)",
                          "DELETE FROM tiles WHERE subfeed IN (SELECT id FROM subfeeds WHERE feed = ?1)",
                          "UPDATE subfeeds SET frontier = x'', name = NULL WHERE feed = ?1"}) {
    KACHERY_TRY(statement, database_.prepare(sql));
    KACHERY_TRY(statement.bind(1, number_of(row)).run());
  }
  KACHERY_TRY(names, database_.prepare("DELETE FROM names WHERE feed = ?1"));
  KACHERY_TRY(names.bind(1, feed.bytes()).run());
  KACHERY_TRY(mark, database_.prepare("UPDATE feeds SET deleted_ms = ?2 WHERE id = ?1"));
  KACHERY_TRY(mark.bind(1, number_of(row)).bind(2, deleted_ms).run());
  KACHERY_TRY(transaction.commit());
  // Out of the log of changes, too. Readers may keep it for a while; then it goes with a later commit.
  static_cast<void>(database_.run("PRAGMA wal_checkpoint(TRUNCATE)"));
  return database_.run("PRAGMA secure_delete = OFF");
}

}  // namespace kachery::feed
