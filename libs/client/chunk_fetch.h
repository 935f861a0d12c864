// ChunkFetch: the chunks of one file, by one manifest, into a partial file.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "chunk/manifest.h"
#include "client/arrivals.h"
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
// That of a file that is still coming, made of its pages, which come first; none if they do not come, or are
// of no manifest of this name.
std::optional<FetchedManifest> follow_manifest(const Zone& zone, const Digest& file, Arrivals& arrivals,
                                               const std::atomic<bool>& cancel);

// Chunks come a few at a time, each to its place, and the hash of the whole runs behind them. For one thread;
// everything that it is made of outlives it.
class ChunkFetch {
 public:
  ChunkFetch(const Zone& zone, const Digest& file, std::span<const ChunkEntry> chunks, Partial& partial,
             Progress& progress);

  // Fetches what is not there yet, and says what hash it all has.
  Result<Digest> run();
  // The same while the file is still coming to the zone: each chunk when it has come, and in the end what is
  // missing. Failures also as of the outcome of `arrivals`, which is dropped where fetching fails.
  Result<Digest> run(Arrivals& arrivals);
  // After a wrong hash: fetches the chunks that are wrong once more, and says what hash it has now; none if
  // no chunk was wrong, so that the manifest is.
  Result<std::optional<Digest>> mend();

 private:
  Result<bool> is_right(std::size_t chunk) const;
  Result<std::vector<std::size_t>> wrong_ones(std::span<const std::size_t> among) const;
  Result<> believe_noted();
  Result<Digest> hash_while(const std::function<Result<>()>& fetch);
  Result<> fetch_arriving(Arrivals& arrivals);
  Result<> fetch_missing();
  Result<> fetch_all(std::vector<std::size_t> chunks, remote::Reread reread);
  Result<> fetch_one(std::size_t place, remote::Reread reread);
  Result<> fetch_from(const std::string& url, std::size_t chunk, remote::Reread reread);
  Result<std::string> url_of(std::size_t place);
  Result<Digest> hash_behind();
  void set_done(std::size_t chunk);
  void stop();

  const Zone& zone_;
  const Digest file_;
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
