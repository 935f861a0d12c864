#include "feed/feeds.h"

#include <algorithm>

#include "feed/stored_tree.h"
#include "os/file_watch.h"

namespace kachery::feed {
namespace {

// A process seldom works with more subfeeds at once.
constexpr std::size_t kKnownMax = 4096;

std::unexpected<Error> fail_deleted(const FeedId& feed) {
  return fail(Code::not_found, FeedUri{feed}.str() + " was deleted here");
}

std::unexpected<Error> fail_empty(const SubfeedId& subfeed) {
  return fail(Code::not_found, subfeed.str() + " has no messages here, so nothing of it was signed");
}

// Deleted feeds are an error.
Result<std::optional<FeedState>> find_living(LogDatabase& log, const FeedId& feed) {
  KACHERY_TRY(state, log.find_feed(feed));
  if (state && state->deleted_ms) return fail_deleted(feed);
  return state;
}

Result<std::vector<std::string>> check_messages(std::span<const std::string> messages) {
  std::vector<std::string> checked;
  checked.reserve(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Result<std::string> message = check_message(messages[i]);
    if (!message)
      return fail(message.error().code, "message " + std::to_string(i + 1) + " of " +
                                            std::to_string(messages.size()) +
                                            ", of which none was appended: " + message.error().message);
    checked.push_back(*std::move(message));
  }
  return checked;
}

std::vector<NewEntry> make_entries(TreeSize first, std::int64_t timestamp_ms,
                                   std::vector<std::string> messages) {
  std::vector<NewEntry> entries;
  entries.reserve(messages.size());
  for (std::string& message : messages) {
    const bool is_inside = message.size() <= kInlineBytesMax;
    const Entry entry = make_entry(first + entries.size(), timestamp_ms, message);
    entries.push_back({entry.str(), is_inside ? std::string() : std::move(message)});
  }
  return entries;
}

// The message of an entry whose hash was checked.
Result<Message> message_of(LogDatabase& log, SubfeedRow row, const StoredTree& tree, TreeSize number,
                           std::string bytes) {
  Result<Entry> entry = Entry::parse(bytes);
  if (!entry || entry->number != number)
    return fail(Code::corrupt, "the writer signed something else than a message " + std::to_string(number));
  if (!entry->body) return Message{number, entry->timestamp_ms, std::move(entry->message), std::move(bytes)};
  KACHERY_TRY(body, log.body(row, number));
  if (!body || !is_message_of(*entry, *body)) return tree.fail_damaged(number, "a long message");
  return Message{number, entry->timestamp_ms, *std::move(body), std::move(bytes)};
}

}  // namespace

Feeds::Feeds(FeedsPlace place, const Clock& clock)
    : place_(std::move(place)), clock_(clock), older_(place_.older), keys_(place_.keys_directory) {}

// Null if there is none and none is to be made. With the lock held.
Result<LogDatabase*> Feeds::open(Missing missing) {
  // Somebody may have put another file there, a copy that was kept for instance.
  if (log_ && file_identity(path()) == opened_) return &*log_;
  log_.reset();
  known_.clear();
  if (missing == Missing::create) {
    KACHERY_TRY(make_own_directory(place_.directory, place_.audience));
    create_shared_file(path(), Audience::writers);
  }
  opened_ = file_identity(path());
  if (!opened_ && missing == Missing::fail) return nullptr;
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(place_.directory, error) / "logs.db";
  if (error) return fail_errno(error.value(), "cannot open the directory " + place_.directory.native());
  KACHERY_TRY(log, LogDatabase::open(canonical));
  log_ = std::move(log);
  return &*log_;
}

// --- Which feeds there are.

// In a transaction of the caller's.
Result<FeedId> Feeds::add_feed(LogDatabase& log, const std::optional<std::string>& name) {
  KACHERY_TRY(pair, keys_.generate());
  const FeedId feed(pair.node_id());
  KACHERY_TRY(log.add_feed(feed));
  if (name) KACHERY_TRY(log.set_name(*name, feed));
  return feed;
}

Result<FeedId> Feeds::create(const std::optional<std::string>& name, TakenName taken) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::create));
  KACHERY_TRY(transaction, Transaction::begin(log->database()));
  if (name && taken == TakenName::refuse) {
    KACHERY_TRY(other, log->feed_named(*name));
    if (other)
      return fail(Code::exists, "there is a feed \"" + *name + "\" here already: " + FeedUri{*other}.str());
  }
  KACHERY_TRY(feed, add_feed(*log, name));
  KACHERY_TRY(transaction.commit());
  return feed;
}

Result<FeedId> Feeds::find_or_create(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::create));
  KACHERY_TRY(transaction, Transaction::begin(log->database()));
  KACHERY_TRY(known, log->feed_named(name));
  if (known) return *known;
  KACHERY_TRY(feed, add_feed(*log, name));
  KACHERY_TRY(transaction.commit());
  return feed;
}

Result<std::optional<FeedId>> Feeds::find(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  if (log == nullptr) return std::nullopt;
  return log->feed_named(name);
}

Result<bool> Feeds::knows(const FeedId& feed) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  if (log != nullptr) {
    KACHERY_TRY(state, log->find_feed(feed));
    if (state) return !state->deleted_ms;
  }
  if (keys_.has(feed)) return true;
  return older_.knows(feed);
}

bool Feeds::is_writable(const FeedId& feed) {
  const std::scoped_lock lock(mutex_);
  return keys_.has(feed);
}

Result<std::vector<FeedListing>> Feeds::list() {
  const std::scoped_lock lock(mutex_);
  std::vector<FeedListing> listings;
  KACHERY_TRY(log, open(Missing::fail));
  if (log != nullptr) {
    KACHERY_TRY(transaction, Transaction::begin_reading(log->database()));
    KACHERY_TRY(feeds, log->feeds());
    for (const FeedId& feed : feeds) {
      KACHERY_TRY(state, log->find_feed(feed));
      KACHERY_TRY(names, log->names_of(feed));
      KACHERY_TRY(subfeeds, log->subfeeds(state->row));
      listings.push_back({feed, keys_.has(feed), false, std::move(names), std::move(subfeeds)});
    }
  }
  KACHERY_TRY(older, older_.list());
  for (const FeedId& feed : older) {
    KACHERY_TRY(subfeeds, older_.subfeeds(feed));
    listings.push_back({feed, false, true, {}, std::move(subfeeds)});
  }
  return listings;
}

Result<bool> Feeds::remove(const FeedId& feed) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  std::optional<FeedState> state;
  if (log != nullptr) {
    KACHERY_TRY(found, log->find_feed(feed));
    state = found;
  }
  if (!state && !keys_.has(feed)) {
    KACHERY_TRY(older, older_.knows(feed));
    if (!older) return false;
    return fail(Code::denied,
                FeedUri{feed}.str() +
                    " is in the feeds.db of a daemon of the first generation, which is never changed");
  }
  const bool was_there = !state || !state->deleted_ms;
  if (state && was_there) KACHERY_TRY(log->bury(feed, state->row, clock_.now_ns() / 1'000'000));
  // Behind the tombstone: a key that is left over from a killed call signs nothing.
  KACHERY_TRY(keys_.remove(feed));
  std::erase_if(known_, [&feed](const auto& known) { return known.first.feed == feed; });
  signal_watchers(path());
  return was_there;
}

// --- Appending.

Result<KeyPair> Feeds::key_of(const FeedId& feed) {
  KACHERY_TRY(pair, keys_.find(feed));
  if (pair) return *std::move(pair);
  return fail(Code::denied, "cannot append to " + FeedUri{feed}.str() +
                                ": its key is not here, so it is somebody else's feed, or of another store");
}

// In a transaction of the caller's.
Result<SubfeedState> Feeds::state_to_extend(LogDatabase& log, const FeedUri& uri, const SubfeedId& subfeed) {
  KACHERY_TRY(feed, find_living(log, subfeed.feed));
  if (!feed) {
    KACHERY_TRY(row, log.add_feed(subfeed.feed));
    feed = FeedState{row, {}};
  }
  KACHERY_TRY(found, log.find_subfeed(subfeed));
  SubfeedState state;
  if (found) {
    state = *std::move(found);
  } else {
    KACHERY_TRY(row, log.add_subfeed(feed->row, subfeed.hash));
    state.row = row;
  }
  if (!uri.subfeed->starts_with('~')) KACHERY_TRY(log.name_subfeed(state.row, *uri.subfeed));
  KACHERY_TRY(signed_size, keys_.signed_size(subfeed));
  if (state.size < signed_size)
    return fail(Code::corrupt,
                subfeed.str() + ": logs.db has " + std::to_string(state.size) + " messages, but " +
                    std::to_string(signed_size) +
                    " were signed: it is an older copy, and whoever saw the others would take new "
                    "ones for forged. Bring back the newest logs.db, or go on in a new feed");
  if (state.size > 0) KACHERY_TRY(verify(subfeed, state));
  return state;
}

Result<Appended> Feeds::append(const FeedUri& uri, std::span<const std::string> messages) {
  KACHERY_TRY(subfeed, subfeed_id(uri));
  KACHERY_TRY(checked, check_messages(messages));
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::create));
  KACHERY_TRY(find_living(*log, subfeed.feed));
  KACHERY_TRY(pair, key_of(subfeed.feed));
  KACHERY_TRY(transaction, Transaction::begin(log->database()));
  KACHERY_TRY(state, state_to_extend(*log, uri, subfeed));
  if (checked.empty()) return Appended{state.size, state.size};
  const std::int64_t now_ms = clock_.now_ns() / 1'000'000;
  const std::vector<NewEntry> entries = make_entries(state.size, now_ms, std::move(checked));
  KACHERY_TRY(extended, extend(*log, subfeed, state, entries));
  const Checkpoint checkpoint{extended.frontier.size(), extended.frontier.root()};
  extended.state.checkpoint = sign_checkpoint(subfeed, checkpoint, pair);
  KACHERY_TRY(log->set_state(extended.state));
  KACHERY_TRY(transaction.commit());

  if (known_.size() >= kKnownMax) known_.clear();
  known_[subfeed] = {std::move(extended.state.checkpoint), checkpoint};
  // The messages are on the disk: if this cannot be noted now, the next append will.
  static_cast<void>(keys_.note_signed(subfeed, checkpoint.size));
  signal_watchers(path());
  return Appended{state.size, checkpoint.size};
}

// --- Reading.

Result<Checkpoint> Feeds::verify(const SubfeedId& subfeed, const SubfeedState& state) {
  const auto known = known_.find(subfeed);
  Checkpoint checkpoint;
  if (known != known_.end() && known->second.note == state.checkpoint) {
    checkpoint = known->second.checkpoint;
  } else {
    Result<Checkpoint> opened = open_checkpoint(state.checkpoint, subfeed);
    if (!opened)
      return fail(Code::corrupt, subfeed.str() + ": logs.db is damaged: " + opened.error().message +
                                     "; bring it back from a copy that has everything");
    checkpoint = *opened;
  }
  const Result<Frontier> frontier = Frontier::parse(state.size, as_bytes(state.frontier));
  if (!frontier || checkpoint.size != state.size || frontier->root() != checkpoint.root)
    return fail(Code::corrupt,
                subfeed.str() +
                    ": logs.db is damaged: its tree is not the one that was signed; bring it back "
                    "from a copy that has everything");
  if (known_.size() >= kKnownMax) known_.clear();
  known_[subfeed] = {state.checkpoint, checkpoint};
  return checkpoint;
}

// Nothing where no message is here.
Result<std::optional<Feeds::Verified>> Feeds::find_verified(LogDatabase& log, const SubfeedId& subfeed) {
  KACHERY_TRY(find_living(log, subfeed.feed));
  KACHERY_TRY(state, log.find_subfeed(subfeed));
  if (!state || state->size == 0) return std::nullopt;
  KACHERY_TRY(checkpoint, verify(subfeed, *state));
  return Verified{*std::move(state), checkpoint};
}

// Where nothing is here: of a feed that has signed something here, it was lost.
Result<> Feeds::check_absence(const SubfeedId& subfeed) {
  if (!keys_.has(subfeed.feed)) return {};
  KACHERY_TRY(signed_size, keys_.signed_size(subfeed));
  if (signed_size == 0) return {};
  return fail(Code::corrupt,
              subfeed.str() + ": logs.db has nothing of it, but " + std::to_string(signed_size) +
                  " messages were signed: it is damaged, or an older copy; bring back the newest");
}

// Of a subfeed of which nothing is in logs.db.
Result<std::vector<Message>> Feeds::read_older(const SubfeedId& subfeed, const ReadRange& range) {
  KACHERY_TRY(check_absence(subfeed));
  return older_.read(subfeed, range);
}

Result<Feeds::Verified> Feeds::verified(LogDatabase& log, const SubfeedId& subfeed) {
  KACHERY_TRY(found, find_verified(log, subfeed));
  if (!found) KACHERY_TRY(check_absence(subfeed));
  if (!found) return fail_empty(subfeed);
  return *std::move(found);
}

Result<std::vector<Message>> Feeds::read(const SubfeedId& subfeed, const ReadRange& range) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  if (log == nullptr) return read_older(subfeed, range);
  KACHERY_TRY(transaction, Transaction::begin_reading(log->database()));
  KACHERY_TRY(found, find_verified(*log, subfeed));
  if (!found) return read_older(subfeed, range);
  std::vector<Message> messages;
  const TreeSize size = found->checkpoint.size;
  if (range.next >= size || range.count_max == 0) return messages;

  StoredTree tree(*log, subfeed, found->state.row, size);
  const TreeSize end = range.next + std::min(range.count_max, size - range.next);
  KACHERY_TRY(entries, tree.entries({range.next, end}, range.bytes_max));
  std::vector<TreeHash> leaves;
  leaves.reserve(entries.size());
  for (const std::string& entry : entries) leaves.push_back(hash_leaf(as_bytes(entry)));
  const auto read_node = [&tree](const Node& node) { return tree.node(node); };
  KACHERY_TRY(root, root_with(size, range.next, leaves, read_node));
  if (root != found->checkpoint.root) return tree.fail_damaged(range.next, "an entry, or a hash beside it,");

  ByteCount bytes = 0;
  for (std::string& entry : entries) {
    const TreeSize number = range.next + messages.size();
    KACHERY_TRY(message, message_of(*log, found->state.row, tree, number, std::move(entry)));
    bytes += message.text.size();
    messages.push_back(std::move(message));
    if (bytes >= range.bytes_max) break;
  }
  return messages;
}

Result<TreeSize> Feeds::size(const SubfeedId& subfeed) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  if (log != nullptr) {
    KACHERY_TRY(find_living(*log, subfeed.feed));
    KACHERY_TRY(state, log->find_subfeed(subfeed));
    if (state) return state->size;
  }
  KACHERY_TRY(check_absence(subfeed));
  return older_.size(subfeed);
}

// --- Proofs.

Result<std::string> Feeds::checkpoint(const SubfeedId& subfeed) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  if (log == nullptr) return fail_empty(subfeed);
  KACHERY_TRY(found, verified(*log, subfeed));
  return found.state.checkpoint;
}

Result<InclusionProof> Feeds::prove(const SubfeedId& subfeed, TreeSize number) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  if (log == nullptr) return fail_empty(subfeed);
  KACHERY_TRY(transaction, Transaction::begin_reading(log->database()));
  KACHERY_TRY(found, verified(*log, subfeed));
  const Checkpoint& checkpoint = found.checkpoint;
  if (number >= checkpoint.size)
    return fail(Code::not_found, subfeed.str() + " has no message " + std::to_string(number) + ": it has " +
                                     std::to_string(checkpoint.size) + ", counted from 0");
  StoredTree tree(*log, subfeed, found.state.row, checkpoint.size);
  KACHERY_TRY(entries, tree.entries({number, number + 1}, kEntryBytesMax));
  const auto read_node = [&tree](const Node& node) { return tree.node(node); };
  KACHERY_TRY(hashes, prove_inclusion(number, checkpoint.size, read_node));
  const TreeHash leaf = hash_leaf(as_bytes(entries.front()));
  if (!verify_inclusion(number, checkpoint.size, leaf, hashes, checkpoint.root))
    return tree.fail_damaged(number, "an entry, or a hash beside it,");
  return InclusionProof{std::move(entries.front()), number, std::move(hashes),
                        std::move(found.state.checkpoint)};
}

Result<ConsistencyProof> Feeds::prove_since(const SubfeedId& subfeed, TreeSize old_size) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  if (log == nullptr) return fail_empty(subfeed);
  KACHERY_TRY(transaction, Transaction::begin_reading(log->database()));
  KACHERY_TRY(found, verified(*log, subfeed));
  const Checkpoint& checkpoint = found.checkpoint;
  if (old_size == 0 || old_size > checkpoint.size)
    return fail(Code::invalid, subfeed.str() + " has " + std::to_string(checkpoint.size) +
                                   " messages: an older tree of it has from 1 to so many, not " +
                                   std::to_string(old_size));
  StoredTree tree(*log, subfeed, found.state.row, checkpoint.size);
  const auto read_node = [&tree](const Node& node) { return tree.node(node); };
  KACHERY_TRY(hashes, prove_consistency(old_size, checkpoint.size, read_node));
  KACHERY_TRY(old_root, root_with(old_size, 0, {}, read_node));
  if (!verify_consistency(old_size, old_root, checkpoint.size, checkpoint.root, hashes))
    return tree.fail_damaged(0, "a hash");
  return ConsistencyProof{old_size, std::move(hashes), std::move(found.state.checkpoint)};
}

Result<> Feeds::export_files(const SubfeedId& subfeed, const UseFile& use) {
  const std::scoped_lock lock(mutex_);
  KACHERY_TRY(log, open(Missing::fail));
  if (log == nullptr) return fail_empty(subfeed);
  KACHERY_TRY(transaction, Transaction::begin_reading(log->database()));
  KACHERY_TRY(found, verified(*log, subfeed));
  StoredTree tree(*log, subfeed, found.state.row, found.checkpoint.size);
  Frontier frontier;
  std::vector<std::vector<TreeHash>> tiles(
      1);  // Of each level the one that grows; level 0 has a place at once.
  const auto write_tile = [&](unsigned level) {
    const std::vector<TreeHash>& hashes = tiles[level];
    const std::uint64_t number = ((frontier.size() - 1) >> (level * kTileHeight)) / kTileWidth;
    return use(tile_path(level, number, hashes.size()), std::as_bytes(std::span(hashes)));
  };
  while (frontier.size() < found.checkpoint.size) {
    const TreeSize first = frontier.size();
    const EntryRange range{first, std::min(first + kTileWidth, found.checkpoint.size)};
    KACHERY_TRY(entries, tree.entries(range, kTileWidth * kEntryBytesMax));
    std::string bundle;
    for (const std::string& entry : entries) {
      append_to_bundle(bundle, entry);
      tiles[0].push_back(hash_leaf(as_bytes(entry)));
      frontier.push(tiles[0].back());
    }
    KACHERY_TRY(use(bundle_path(first / kTileWidth, range.count()), as_bytes(bundle)));
    for (unsigned level = 0; tiles[level].size() == kTileWidth; ++level) {
      KACHERY_TRY(write_tile(level));
      if (level + 1 == tiles.size()) tiles.emplace_back();
      tiles[level + 1].push_back(root_of(tiles[level]));
      tiles[level].clear();
    }
  }
  for (unsigned level = 0; level < tiles.size(); ++level) {
    if (!tiles[level].empty()) KACHERY_TRY(write_tile(level));
  }
  if (frontier.root() != found.checkpoint.root) return tree.fail_damaged(0, "an entry");
  return use("checkpoint", as_bytes(found.state.checkpoint));
}

}  // namespace kachery::feed
