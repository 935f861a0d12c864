// Gen1Feeds: the feeds.db of first-generation daemons, read and never changed.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "db/database.h"
#include "feed/log_database.h"
#include "feed/message.h"
#include "feed/subfeed.h"

namespace kachery::feed {

// Whether `signed_message`, canonical JSON of {"body","signature"}, is the message `number` that the feed's
// key signed behind `previous_signature` (128 digits; empty for the first): an ed25519 signature of the SHA-1
// of the body's canonical JSON, or, of older daemons, of that JSON itself. Code::corrupt otherwise.
// `signature` gets its own.
Result<Message> check_gen1_message(const FeedId& feed, TreeSize number, const std::string& signed_message,
                                   const std::string& previous_signature, std::string& signature);

// Nothing in a message says which subfeed it belongs to: that has to be believed. Thread-safe: each call
// opens the databases anew.
class Gen1Feeds {
 public:
  explicit Gen1Feeds(std::vector<std::filesystem::path> directories) : directories_(std::move(directories)) {}

  Result<bool> knows(const FeedId& feed) const;
  Result<std::vector<FeedId>> list() const;
  Result<std::vector<NamedSubfeed>> subfeeds(const FeedId& feed) const;
  // 0 where there is none.
  Result<TreeSize> size(const SubfeedId& subfeed) const;
  // Code::corrupt, naming the subfeed and the place, for messages that were not signed so.
  Result<std::vector<Message>> read(const SubfeedId& subfeed, const ReadRange& range) const;

 private:
  std::vector<std::filesystem::path> directories_;
};

}  // namespace kachery::feed
