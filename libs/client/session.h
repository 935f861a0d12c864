// Session: what people use. Names go in and out as they write them; the bytes are the store's.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/asking.h"
#include "client/configuration.h"
#include "client/identity.h"
#include "client/throttle.h"
#include "core/feed_uri.h"
#include "core/names.h"
#include "core/progress.h"
#include "core/uri.h"
#include "os/file.h"
#include "remote/hub.h"
#include "store/file_mutables.h"
#include "store/mutables.h"
#include "store/store.h"

namespace kachery::feed {
class Feeds;
}

namespace kachery {

// What was found under a name.
struct Located {
  std::unique_ptr<File> file;
  std::filesystem::path path;  // Empty for "chunks".
  ByteCount size = 0;
  // "object", "link", "path" where the name was a path, "location" where the URI's ?location= was right, or
  // "chunks" where only the chunks of a gen1 manifest are here.
  std::string kind;
};

// Whether the ?location= of a URI is looked at, if the content is nowhere else: that tells whoever sees the
// answer whether such a file exists, so only where the user chose to.
enum class Location { ignore, use };

// Where to look for the content of a URI, beyond our own store and the older programs' directories.
struct Sources {
  Location location = Location::ignore;
  bool local_only = false;            // Never ask the hub.
  std::optional<ZoneName> zone = {};  // Of the hub; none: the configured one.
  // A resource, for what the zone does not have; none: the nodes that provide files in channels.
  std::optional<Asking> asking = {};
  // Of the zone's channels this one only, and not the zone; none: the zone and all channels of this node.
  std::optional<ChannelName> channel = {};
  std::chrono::milliseconds ask_wait = kAskWaitMax;  // For those who are asked through channels.
};

// What a zone has under a digest.
struct ZoneFile {
  Digest digest;
  ByteCount size;
  // Who says that these are the bytes: "hub", whose full pass found so, or the ID of the node that sent them.
  std::string attested_by;
};

// The store of this configuration, the older programs' directories that are read beside it, and the zone of
// the hub, if one is configured; each is opened when it is first needed. What is here is never asked for
// elsewhere. Thread-safe; never used across a fork.
class Session {
 public:
  explicit Session(Configuration configuration);
  ~Session();

  const Configuration& configuration() const { return configuration_; }

  // The store, made if it is missing.
  Result<Store*> writing_store();
  // The store, or null if its directory does not exist.
  Result<Store*> reading_store();

  // gen1's and gen2's mutables; also before there is a store. Missing::create is for what may set one.
  Result<Mutables*> mutables();
  Result<FileMutables*> file_mutables(Missing missing);

  Result<feed::Feeds*> feeds();  // Of this machine; also before there is a store.
  // By a URI, which may be unknown here, or a name, also of gen1's. Code::not_found if nothing has it.
  Result<FeedId> find_feed(const std::string& name);
  // "feed://ID/SUBFEED", or "NAME/SUBFEED" with the name of a feed.
  Result<FeedUri> find_subfeed(const std::string& name);

  // Keeps copies of files, which may also be pipes, in the order of `paths`. The regular files are one batch:
  // all are durable, or the call fails.
  Result<std::vector<Stored>> store_many(std::span<const std::filesystem::path> paths, Algorithm algorithm,
                                         Progress& progress, Origin origin = Origin::own);

  // Whatever `name` stands for: a URI, or the path of a file. The content of a URI was checked; what comes
  // from the zone is an object of our store then, marked as fetched, and an interrupted fetch goes on where
  // it was. Code::not_found says where it looked, Code::unavailable that the hub could not be asked. Who is
  // asked first counts what it uploads as progress, until chunks of that come here; what it says instead is
  // the failure. May give "chunks", which are checked as they are read.
  Result<Located> open(const std::string& name, const Sources& sources, Progress& progress);

  // The same with a path in any case: chunks are put together, checked, and become an object.
  Result<Located> locate(const std::string& name, const Sources& sources, Progress& progress);

  // Puts a copy at `destination`, atomically, replacing a file there.
  Result<> copy_to(const std::string& name, const std::filesystem::path& destination, const Sources& sources,
                   Progress& progress);

  // The size of what is stored or linked here, as Store::look_for: no content is read, and the hub is not
  // asked.
  Result<ByteCount> look_for(const Digest& digest);

  // The whole content in memory that `allocate` gives.
  Result<> read(const std::string& name, const Store::Allocate& allocate, const Sources& sources,
                Progress& progress);

  // The SHA-1 of gen1's manifest of what is stored or linked, which becomes an object; none for a file of up
  // to 20,000,000 bytes.
  Result<std::optional<Digest>> gen1_manifest(const Digest& sha1, Progress& progress);

  // --- The hub. `zone`: none is the configured one. Code::invalid without a hub, Code::unavailable if it
  // cannot be reached or we are offline; what the hub refuses has its code and its sentence.

  // For calls (remote/calls.h), signed by this node's key, which MissingKey::generate makes if there is none;
  // unsigned without one. Lives as long as the session.
  Result<remote::Hub*> hub(MissingKey missing);
  bool has_hub() const { return !configuration_.gateway_url.value.empty() && !configuration_.offline; }
  // The zone that a call with this choice is about.
  Result<ZoneName> zone_or_default(const std::optional<ZoneName>& zone) const;

  // No more than so many bytes a second are sent from now on, by all uploads together. Before the first one.
  void limit_uploads(ByteCount bytes_per_second);

  // Sends what is stored or linked here, to the zone or to that channel of it. A file that cannot be sent
  // does not keep the others from being sent; the call then fails with the first one's reason, and the number
  // of the others.
  Result<> upload(std::span<const Digest> digests, const std::optional<ZoneName>& zone, Progress& progress,
                  const std::optional<ChannelName>& channel = {});
  // Sends files that are not kept here, in the order of `paths`. They are read once for their hashes, and
  // must not change until they are sent.
  Result<std::vector<Stored>> upload_files(std::span<const std::filesystem::path> paths, Algorithm algorithm,
                                           const std::optional<ZoneName>& zone, Progress& progress);

  // Asks a resource for a file, unless the zone has it: "completed" then, too, but for ignore_bucket. The
  // last state, of which each is told to `on_state`, in this thread. Failures as of find_resource,
  // ask_resource.
  Result<wire::AskState> ask(const Digest& digest, const Asking& asking, const std::optional<ZoneName>& zone,
                             const OnAskState& on_state, const Progress& progress);
  Result<> cancel_ask(const Digest& digest, const Asking& asking, const std::optional<ZoneName>& zone,
                      const Progress& progress);

  // Which nodes that are connected have a file and provide it in the channel, or in any in which this node
  // requests files. Failures as of every call.
  Result<wire::Holders> find_holders(const Digest& digest, const std::optional<ZoneName>& zone,
                                     const std::optional<ChannelName>& channel, const Progress& progress);

  // Makes objects of those that are not here yet. The path of each, in the order of `digests`; what lies
  // there was checked. Failures as of upload; Code::not_found for what neither the zone has nor a node of a
  // channel.
  Result<std::vector<std::filesystem::path>> fetch_many(std::span<const Digest> digests,
                                                        const std::optional<ZoneName>& zone,
                                                        Progress& progress);
  // For each, what the zone has; none where it has nothing that this node may have. Fetches nothing.
  Result<std::vector<std::optional<ZoneFile>>> find_in_zone(std::span<const Digest> digests,
                                                            const std::optional<ZoneName>& zone,
                                                            const Progress& progress);
  // Those that the zone does not have.
  Result<std::vector<Digest>> find_missing(std::span<const Digest> digests,
                                           const std::optional<ZoneName>& zone, const Progress& progress);
  // Of one. Code::not_found.
  Result<ZoneFile> file_info(const Digest& digest, const std::optional<ZoneName>& zone,
                             const Progress& progress);

 private:
  struct Opened;

  Result<Opened*> open_own(Missing missing);
  void open_index(Opened& opened, Missing missing) const;
  std::span<const std::unique_ptr<Opened>> older();
  Result<std::vector<Store*>> readable_stores();
  Result<Located> at_location(const Uri& uri, Progress& progress);
  Result<std::vector<std::filesystem::path>> paths_here(std::span<const Digest> digests,
                                                        const Progress& progress);
  Result<Located> open_here(const Uri& uri, Location location, Progress& progress);
  Result<Located> put_together(const Uri& uri, const File& chunks, Progress& progress);
  Result<Located> from_zone(const Uri& uri, const Sources& sources, Error miss, Progress& progress);
  Result<Store*> store_to_fetch_to();
  Result<> fetch(const Zone& zone, const Digest& digest, const Sources& sources, Progress& progress);
  Result<> fetch_found(const Zone& zone, const wire::FoundFile& file, Progress& progress);
  Result<> fetch_from_resource(const Zone& zone, const Digest& digest, const Asking& asking,
                               Progress& progress);
  Result<> ask_for_many(const Zone& from, std::span<const Digest> digests, Failures& failures,
                        Progress& progress);
  Result<> fetch_from_channels(const Zone& zone, const Digest& digest, const ChannelAsking& asking,
                               Progress& progress);
  std::unexpected<Error> fail_no_directory(const std::string& name) const;

  Configuration configuration_;
  std::mutex mutex_;
  std::unique_ptr<Opened> own_;
  std::optional<std::vector<std::unique_ptr<Opened>>> older_;
  std::unique_ptr<Mutables> mutables_;
  std::unique_ptr<feed::Feeds> feeds_;
  std::unique_ptr<FileMutables> older_mutables_;  // For as long as there is no store of our own.
  std::mutex hub_mutex_;
  std::unique_ptr<remote::Hub> signed_hub_;
  std::unique_ptr<remote::Hub> unsigned_hub_;  // For as long as there is no key.
  std::unique_ptr<Throttle> upload_throttle_;  // Null: there is no limit.
};

// The label that a stored file gets: the last part of its path.
std::string label_of(const std::filesystem::path& path);

}  // namespace kachery
