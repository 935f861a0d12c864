// ChunkFetch: the chunks of one file, by one manifest, into a partial file.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "chunk/manifest.h"
#include "client/zone.h"
#include "store/partial.h"

namespace kachery {

// The chunks that a manifest lists. Its text, and that of its pages, is checked against their names.
// Code::corrupt if it is not one of this file.
struct FetchedManifest {
  std::string text;
  std::vector<ChunkEntry> chunks;
};
Result<FetchedManifest> fetch_manifest(const Zone& zone, const wire::FoundFile& file,
                                       const wire::ManifestOffer& offer, const std::atomic<bool>& cancel);

// Chunks come a few at a time, each to its place, and the hash of the whole runs behind them. For one thread;
// everything that it is made of outlives it.
class ChunkFetch {
 public:
  ChunkFetch(const Zone& zone, const wire::FoundFile& file, std::span<const ChunkEntry> chunks,
             Partial& partial, Progress& progress);

  // Fetches what is not there yet, and says what hash it all has.
  Result<Digest> run();
  // After a wrong hash: fetches the chunks that are wrong once more, and says what hash it has now; none if
  // no chunk was wrong, so that the manifest is.
  Result<std::optional<Digest>> mend();

 private:
  Result<bool> is_right(std::size_t chunk) const;
  Result<std::vector<std::size_t>> wrong_ones(std::span<const std::size_t> among) const;
  Result<> fetch_all(std::vector<std::size_t> chunks, remote::Reread reread);
  Result<> fetch_one(std::size_t place, remote::Reread reread);
  Result<std::string> url_of(std::size_t place);
  Result<Digest> hash_behind();
  void set_done(std::size_t chunk);
  void stop();

  const Zone& zone_;
  const wire::FoundFile& file_;
  std::span<const ChunkEntry> chunks_;
  std::vector<ByteCount> offsets_;
  Partial& partial_;
  Progress& progress_;

  std::vector<std::size_t> wanted_;  // Chunks that are to be fetched.
  std::mutex urls_mutex_;
  std::map<std::size_t, std::string> urls_;  // By place in `wanted_`.
  std::int64_t urls_expire_ms_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> done_;
  bool stopped_ = false;
};

}  // namespace kachery
