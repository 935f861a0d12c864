// What a session does with feeds.
#include "client/session.h"
#include "core/text.h"
#include "feed/feeds.h"
#include "json/json.h"

namespace kachery {
namespace {

// Of a sandbox, everything goes with it.
Result<std::filesystem::path> feed_keys_directory(const Configuration& configuration) {
  if (!configuration.keys_in.empty()) return configuration.directory / "feeds";
  KACHERY_TRY(directories, key_directories(configuration));
  return directories.front() / "feeds";
}

// Under which the client of the first generation kept the ID of a named feed, among the mutables.
std::string first_generation_key(const std::string& name) {
  return json::Value(json::Object{{"feed_name", name}, {"type", "feed_id_for_name"}}).str();
}

std::optional<FeedId> feed_of_json(const std::string& text) {
  const Result<json::Value> value = json::parse(text);
  if (!value || value->if_string() == nullptr) return std::nullopt;
  const Result<FeedId> feed = FeedId::parse(*value->if_string());
  return feed ? std::optional(*feed) : std::nullopt;
}

}  // namespace

Result<feed::Feeds*> Session::feeds() {
  KACHERY_TRY(directory, database_directory(configuration_));
  KACHERY_TRY(keys_directory, feed_keys_directory(configuration_));
  const std::scoped_lock lock(mutex_);
  if (feeds_) return feeds_.get();
  const Audience audience = directory == configuration_.directory ? Audience::readers : Audience::writers;
  std::vector<std::filesystem::path> older{configuration_.directory};
  older.insert(older.end(), configuration_.also_read.begin(), configuration_.also_read.end());
  feeds_ = std::make_unique<feed::Feeds>(
      feed::FeedsPlace{directory, audience, std::move(keys_directory), std::move(older)}, system_clock());
  return feeds_.get();
}

Result<FeedId> Session::find_feed(const std::string& name) {
  if (name.starts_with("feed://")) {
    KACHERY_TRY(uri, FeedUri::parse(name));
    if (!uri.subfeed) return uri.feed;
    return fail(Code::invalid,
                printable(name) + " is a subfeed; a feed is meant: " + FeedUri{uri.feed}.str());
  }
  KACHERY_TRY(own_feeds, feeds());
  KACHERY_TRY(own, own_feeds->find(name));
  if (own) return *own;
  KACHERY_TRY(values, mutables());
  KACHERY_TRY(older, values->get(first_generation_key(name)));
  const std::optional<FeedId> feed = older ? feed_of_json(*older) : std::nullopt;
  if (feed) return *feed;
  return fail(Code::not_found, "there is no feed \"" + printable(name) +
                                   "\" in this store; kachery feed ls shows those that there are");
}

Result<FeedUri> Session::find_subfeed(const std::string& name) {
  if (name.starts_with("feed://")) return FeedUri::parse(name);
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == name.size())
    return fail(Code::invalid,
                "no subfeed: \"" + printable(name) + "\"; write feed://ID/SUBFEED, or NAME/SUBFEED");
  KACHERY_TRY(feed, find_feed(name.substr(0, slash)));
  return FeedUri{feed, name.substr(slash + 1)};
}

}  // namespace kachery
