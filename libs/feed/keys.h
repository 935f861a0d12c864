// FeedKeys: the private keys of our feeds, and how far each has signed. docs/formats/feeds.md.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "crypto/key_pair.h"
#include "db/database.h"
#include "feed/subfeed.h"
#include "feed/tree.h"

namespace kachery::feed {

// A directory for its owner alone: <feed ID>.pem, and signed.db. Nothing is made before the first key is. Any
// number of processes may use one; one thread at a time. No message shows anything of a key.
class FeedKeys {
 public:
  explicit FeedKeys(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // A new feed's, on the disk.
  Result<KeyPair> generate();
  // Nothing where there is none: then the feed is another's. Code::denied for a key that others may read,
  // Code::corrupt for a file that is not the key of this feed.
  Result<std::optional<KeyPair>> find(const FeedId& feed) const;
  // Whether there is a file for it, whatever is in it.
  bool has(const FeedId& feed) const;
  Result<> remove(const FeedId& feed);
  // Of all that there are, in the order of their IDs.
  std::vector<FeedId> list() const;

  // The most entries that a checkpoint of this subfeed had, as far as it was noted.
  Result<TreeSize> signed_size(const SubfeedId& subfeed);
  // Survives the end of this process at once, a power cut a little later.
  Result<> note_signed(const SubfeedId& subfeed, TreeSize size);

 private:
  std::filesystem::path path_of(const FeedId& feed) const;
  Result<Database*> open();

  std::filesystem::path directory_;
  std::optional<Database> database_;
};

}  // namespace kachery::feed
