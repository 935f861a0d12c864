#include "feed/keys.h"

#include <algorithm>

#include "crypto/pem.h"
#include "os/directory.h"
#include "os/replacement.h"
#include "os/secret_file.h"

namespace kachery::feed {
namespace {

constexpr const char* kDatabase = "signed.db";
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS signed(feed BLOB, subfeed BLOB, size INTEGER, PRIMARY KEY(feed, subfeed)) "
    "WITHOUT ROWID";

// A key file has 119 bytes.
constexpr std::size_t kPemSizeMax = 4096;

}  // namespace

std::filesystem::path FeedKeys::path_of(const FeedId& feed) const {
  return directory_ / (feed.hex() + ".pem");
}

Result<KeyPair> FeedKeys::generate() {
  KACHERY_TRY(make_own_directory(directory_, Audience::writers));
  KeyPair pair = KeyPair::generate();
  KACHERY_TRY(file, create_secret_file(path_of(FeedId(pair.node_id()))));
  KACHERY_TRY(file->append(private_pem(pair).bytes()));
  KACHERY_TRY(file->commit());
  return pair;
}

Result<std::optional<KeyPair>> FeedKeys::find(const FeedId& feed) const {
  const std::filesystem::path path = path_of(feed);
  Result<Secret> text = read_secret_file(path, kPemSizeMax);
  if (!text && text.error().code == Code::not_found) return std::nullopt;
  if (!text) return std::unexpected(std::move(text).error());
  Result<KeyPair> pair = parse_private_pem(text->text());
  if (!pair)
    return fail(Code::corrupt,
                path.native() + ": " + pair.error().message + "; it is damaged: bring it back from a copy");
  if (pair->node_id() != feed.key())
    return fail(Code::corrupt, path.native() + " is the key of another feed: bring back the one that fits");
  return *std::move(pair);
}

bool FeedKeys::has(const FeedId& feed) const {
  std::error_code error;
  return std::filesystem::exists(path_of(feed), error);
}

Result<> FeedKeys::remove(const FeedId& feed) {
  std::error_code error;
  std::filesystem::remove(path_of(feed), error);
  if (error) return fail_errno(error.value(), "cannot delete the key " + path_of(feed).native());
  return {};
}

std::vector<FeedId> FeedKeys::list() const {
  std::vector<FeedId> feeds;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory_, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() != ".pem") continue;
    const Result<FeedId> feed = FeedId::parse(entry->path().stem().native());
    if (feed) feeds.push_back(*feed);
  }
  std::ranges::sort(feeds);
  return feeds;
}

Result<Database*> FeedKeys::open() {
  if (database_) return &*database_;
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::canonical(directory_, error);
  if (error) return fail_errno(error.value(), "cannot open " + directory_.native());
  const std::filesystem::path path = directory / kDatabase;
  create_shared_file(path, Audience::writers);
  KACHERY_TRY(database, Database::open(path, Durability::order));
  KACHERY_TRY(database.run(kSchema));
  database_ = std::move(database);
  return &*database_;
}

Result<TreeSize> FeedKeys::signed_size(const SubfeedId& subfeed) {
  std::error_code error;
  if (!std::filesystem::exists(directory_ / kDatabase, error)) return TreeSize{0};
  KACHERY_TRY(database, open());
  KACHERY_TRY(select, database->prepare("SELECT size FROM signed WHERE feed = ?1 AND subfeed = ?2"));
  KACHERY_TRY(found, select.bind(1, subfeed.feed.bytes()).bind(2, subfeed.hash.bytes()).step());
  return found ? static_cast<TreeSize>(select.column_int(0)) : TreeSize{0};
}

Result<> FeedKeys::note_signed(const SubfeedId& subfeed, TreeSize size) {
  KACHERY_TRY(database, open());
  // Of two processes, the one that signed less may be the later one here.
  KACHERY_TRY(insert,
              database->prepare("INSERT INTO signed VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET size = "
                                "max(size, excluded.size)"));
  insert.bind(1, subfeed.feed.bytes()).bind(2, subfeed.hash.bytes()).bind(3, static_cast<std::int64_t>(size));
  return insert.run();
}

}  // namespace kachery::feed
