#include "feed/gen1_feeds.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "crypto/hasher.h"
#include "crypto/key_pair.h"
#include "json/json.h"

namespace kachery::feed {
namespace {

constexpr const char* kFile = "feeds.db";

// Null where a directory has none.
Result<std::optional<Database>> open_older(const std::filesystem::path& directory) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(directory / kFile, error);
  if (error) return std::nullopt;
  KACHERY_TRY(database, Database::open_read_only(path));
  KACHERY_TRY(select, database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'subfeedMessages'"));
  KACHERY_TRY(has_table, select.step());
  if (!has_table) return std::nullopt;
  select.reset();
  return std::optional(std::move(database));
}

std::unexpected<Error> fail_at(const SubfeedId& subfeed, TreeSize number, const std::string& why) {
  return fail(Code::corrupt, subfeed.str() + ", of the first generation: message " + std::to_string(number) +
                                 " in feeds.db cannot be believed: " + why);
}

Result<std::vector<Message>> read_from(Database& database, const SubfeedId& subfeed, const ReadRange& range) {
  std::vector<Message> messages;
  KACHERY_TRY(select,
              database.prepare("SELECT position, message FROM subfeedMessages WHERE feedId = ?1 AND "
                               "subfeedHash = ?2 AND position >= ?3 AND feedId IN (SELECT feedId FROM "
                               "feeds) ORDER BY position"));
  // One more, before the first, for the signature that the first one names.
  const TreeSize begin = range.next == 0 ? 0 : range.next - 1;
  select.bind(1, subfeed.feed.hex()).bind(2, subfeed.hash.hex()).bind(3, static_cast<std::int64_t>(begin));
  std::string previous;
  ByteCount bytes = 0;
  for (TreeSize due = begin; messages.size() < range.count_max && bytes < range.bytes_max; ++due) {
    KACHERY_TRY(found, select.step());
    if (!found) return messages;
    if (select.column_int(0) != static_cast<std::int64_t>(due)) return fail_at(subfeed, due, "it is missing");
    const std::string signed_message(select.column_text(1));
    std::string signature;
    if (due < range.next) {
      const auto before = json::parse(signed_message);
      const json::Value* named = before ? before->find("signature") : nullptr;
      if (named == nullptr || named->if_string() == nullptr)
        return fail_at(subfeed, due, "it has no signature");
      previous = *named->if_string();
      continue;
    }
    Result<Message> message = check_gen1_message(subfeed.feed, due, signed_message, previous, signature);
    if (!message) return fail_at(subfeed, due, message.error().message);
    previous = std::move(signature);
    bytes += signed_message.size();
    messages.push_back(*std::move(message));
  }
  return messages;
}

}  // namespace

Result<Message> check_gen1_message(const FeedId& feed, TreeSize number, const std::string& signed_message,
                                   const std::string& previous_signature, std::string& signature) {
  KACHERY_TRY(value, json::parse(signed_message));
  const json::Value* body = value.find("body");
  const json::Value* written = value.find("signature");
  if (body == nullptr || written == nullptr || written->if_string() == nullptr)
    return fail(Code::corrupt, "it is no signed message");
  const json::Value* message = body->find("message");
  const json::Value* previous = body->find("previousSignature");
  const json::Value* message_number = body->find("messageNumber");
  const json::Value* timestamp = body->find("timestamp");
  const auto milliseconds = timestamp != nullptr ? timestamp->as_double() : std::nullopt;
  constexpr double kTimeMax = 9e15;  // What a double says exactly.
  if (message == nullptr || message_number == nullptr || !milliseconds ||
      !(std::abs(*milliseconds) < kTimeMax))
    return fail(Code::corrupt, "it does not have what a message has");
  if (message_number->as_uint64() != number) return fail(Code::corrupt, "it has another number");
  const bool follows = previous == nullptr
                           ? previous_signature.empty()
                           : previous->if_string() != nullptr && !previous_signature.empty() &&
                                 *previous->if_string() == previous_signature;
  if (!follows) return fail(Code::corrupt, "it does not follow the one before it");
  signature = *written->if_string();
  Signature bytes{};
  const std::string canonical = json::canonical(*body);
  const Digest digest = Hasher::of(Algorithm::sha1, as_bytes(canonical));
  if (!from_hex(signature, bytes) ||
      !(verify(feed.key(), digest.bytes(), bytes) || verify(feed.key(), as_bytes(canonical), bytes)))
    return fail(Code::corrupt, "its signature is wrong");
  return Message{number, static_cast<std::int64_t>(*milliseconds), json::canonical(*message), signed_message};
}

Result<bool> Gen1Feeds::knows(const FeedId& feed) const {
  KACHERY_TRY(feeds, list());
  return std::ranges::find(feeds, feed) != feeds.end();
}

Result<std::vector<FeedId>> Gen1Feeds::list() const {
  std::vector<FeedId> feeds;
  for (const auto& directory : directories_) {
    KACHERY_TRY(database, open_older(directory));
    if (!database) continue;
    // Deleting left the messages there: only what is in this table still is a feed.
    KACHERY_TRY(select, database->prepare("SELECT feedId FROM feeds ORDER BY feedId"));
    for (;;) {
      KACHERY_TRY(found, select.step());
      if (!found) break;
      const Result<FeedId> feed = FeedId::parse(select.column_text(0));
      if (feed && std::ranges::find(feeds, *feed) == feeds.end()) feeds.push_back(*feed);
    }
  }
  return feeds;
}

Result<std::vector<NamedSubfeed>> Gen1Feeds::subfeeds(const FeedId& feed) const {
  std::vector<NamedSubfeed> subfeeds;
  for (const auto& directory : directories_) {
    KACHERY_TRY(database, open_older(directory));
    if (!database) continue;
    KACHERY_TRY(select,
                database->prepare(
                    "SELECT subfeedHash, count(*) FROM subfeedMessages WHERE feedId = ?1 "
                    "AND feedId IN (SELECT feedId FROM feeds) GROUP BY subfeedHash ORDER BY subfeedHash"));
    select.bind(1, feed.hex());
    for (;;) {
      KACHERY_TRY(found, select.step());
      if (!found) break;
      const Result<Digest> hash = Digest::parse(Algorithm::sha1, select.column_text(0));
      if (hash) subfeeds.push_back({*hash, {}, static_cast<TreeSize>(select.column_int(1))});
    }
  }
  return subfeeds;
}

Result<TreeSize> Gen1Feeds::size(const SubfeedId& subfeed) const {
  KACHERY_TRY(all, subfeeds(subfeed.feed));
  const auto found = std::ranges::find(all, subfeed.hash, &NamedSubfeed::hash);
  return found == all.end() ? TreeSize{0} : found->size;
}

Result<std::vector<Message>> Gen1Feeds::read(const SubfeedId& subfeed, const ReadRange& range) const {
  for (const auto& directory : directories_) {
    KACHERY_TRY(database, open_older(directory));
    if (!database) continue;
    KACHERY_TRY(messages, read_from(*database, subfeed, range));
    if (!messages.empty()) return messages;
  }
  return std::vector<Message>{};
}

}  // namespace kachery::feed
