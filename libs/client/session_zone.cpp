// What a session does with a zone of the hub.
#include <algorithm>
#include <thread>
#include <utility>

#include "client/fetch.h"
#include "client/session.h"
#include "client/settings.h"
#include "client/upload.h"
#include "client/zone.h"
#include "core/text.h"
#include "net/retry.h"
#include "os/parallel.h"
#include "store/layout.h"

namespace kachery {
namespace {

ZoneFile zone_file(const wire::FoundFile& found) {
  // A file of one chunk is checked when it comes.
  return {found.digest, found.size, found.manifests.empty() ? "hub" : found.manifests.front().attested_by};
}

// What a store has under a digest, as something to send. Objects are hashed while they are sent.
Result<Outgoing> outgoing_of(std::span<Store* const> stores, const Digest& digest, Progress& progress) {
  std::string misses;
  for (Store* store : stores) {
    const std::string path = object_path(digest);
    if (const Result<FileStamp> stamp = store->root().stamp(path))
      return Outgoing{std::filesystem::path(store->root().name()) / path, digest, stamp->size};
    const ByteCount done = progress.bytes_done;
    Result<Found> found = store->open(digest, progress);
    progress.bytes_done = done;  // What counts is what was sent.
    if (found) {
      KACHERY_TRY(stamp, found->file->stamp());
      return Outgoing{found->path, digest, stamp.size};
    }
    if (found.error().code == Code::cancelled) return std::unexpected(std::move(found).error());
    misses += (misses.empty() ? "" : "; ") + found.error().message;
  }
  return fail(Code::not_found, misses.empty() ? "there is no store yet" : misses);
}

// Asks somebody until that has ended, and says how.
using AskNow = std::function<Result<>(const OnAskState& on_state, const std::atomic<bool>& cancel)>;

// Fetches what comes to the zone while it comes. As of Fetcher::fetch_arriving, and of `ask`.
Result<bool> ask_and_fetch(const Zone& zone, Store& store, const Digest& digest, const AskNow& ask,
                           Progress& progress) {
  const ByteCount done = progress.bytes_done;
  const ByteCount total = progress.bytes_total;
  const auto count = [&](ByteCount bytes, ByteCount of) {
    progress.bytes_done = done + bytes;
    progress.bytes_total = total + of;
  };
  Arrivals arrivals;
  bool has_begun = false;  // From then on the counts are of what was fetched.
  const auto on_state = [&](const wire::AskState& now) {
    if (!has_begun) count(now.bytes_uploaded.value_or(0), now.size.value_or(0));
    if (!now.arrivals) return;
    if (!std::exchange(has_begun, true)) count(0, 0);
    arrivals.add(*now.arrivals);
  };
  Result<bool> fetched = false;
  {
    const std::jthread asks([&] { arrivals.end(ask(on_state, arrivals.is_dropped())); });
    fetched = Fetcher(zone, store).fetch_arriving(digest, arrivals, progress);
    arrivals.drop();
  }
  if (!fetched || !*fetched) count(0, 0);
  return fetched;
}

// Whether there is anybody to be asked. Who has no key, or is not registered, is in no channel.
Result<bool> requests_files_somewhere(const Zone& zone, const std::atomic<bool>& cancel) {
  if (!zone.hub.node()) return false;
  const auto list =
      zone.hub.call(remote::kListChannels, wire::ListChannels{zone.name, std::nullopt, false}, cancel);
  if (!list && list.error().code == Code::denied) return false;
  if (!list) return std::unexpected(list.error());
  return std::ranges::any_of(list->channels, [](const wire::Channel& channel) {
    return channel.effective.has(Role::request_files);
  });
}

// How often wrong bytes are asked for again, and when: meanwhile the hub finds out who lied.
constexpr int kTriesMax = 3;
constexpr std::chrono::milliseconds kAskAgain{1'000};

}  // namespace

Result<remote::Hub*> Session::hub(MissingKey missing) {
  const auto& address = configuration_.gateway_url;
  if (address.value.empty())
    return fail(Code::invalid, "no hub is configured: set KACHERY_GATEWAY_URL, or gatewayUrl in config.yaml");
  if (configuration_.offline)
    return fail(Code::unavailable, "the hub " + address.value + " is not asked: this process works offline");
  const std::scoped_lock lock(hub_mutex_);
  if (signed_hub_) return signed_hub_.get();
  Result<Url> url = Url::parse(address.value);
  if (!url)
    return fail(url.error().code, "the hub's address (" + address.origin + "): " + url.error().message);
  KACHERY_TRY(key, find_identity(configuration_, missing));
  std::unique_ptr<remote::Hub>& hub = key ? signed_hub_ : unsigned_hub_;
  if (!hub)
    hub = std::make_unique<remote::Hub>(
        remote::HubParts{.url = *std::move(url),
                         .key = std::move(key),
                         .insecure_http = environment("KACHERY_INSECURE_HTTP") == "1"});
  return hub.get();
}

Result<ZoneName> Session::zone_or_default(const std::optional<ZoneName>& zone) const {
  if (zone) return *zone;
  Result<ZoneName> configured = ZoneName::parse(configuration_.zone.value);
  if (!configured)
    return fail(Code::invalid, configured.error().message + " (" + configuration_.zone.origin + ")");
  return configured;
}

Result<Located> Session::from_zone(const Uri& uri, const Sources& sources, Error miss, Progress& progress) {
  if (sources.local_only || !has_hub()) return std::unexpected(std::move(miss));
  KACHERY_TRY(name, zone_or_default(sources.zone));
  KACHERY_TRY(asked, hub(MissingKey::none));
  const Result<> fetched = fetch(Zone{*asked, name, sources.channel}, uri.digest, sources, progress);
  if (!fetched && fetched.error().code == Code::not_found)
    return fail(miss.code, miss.message + "; and " + fetched.error().message);
  if (!fetched) return fail(fetched.error().code, fetched.error().message + "; " + miss.message);
  KACHERY_TRY(store, writing_store());
  Progress counted;  // What came was counted.
  KACHERY_TRY(object, store->open(uri.digest, counted));
  KACHERY_TRY(stamp, object.file->stamp());
  return Located{std::move(object.file), std::move(object.path), stamp.size, "object"};
}

Result<Store*> Session::store_to_fetch_to() {
  KACHERY_TRY(store, writing_store());
  reap_partials(store->root(), system_clock());
  return store;
}

Result<> Session::fetch_found(const Zone& zone, const wire::FoundFile& file, Progress& progress) {
  KACHERY_TRY(store, store_to_fetch_to());
  return Fetcher(zone, *store).fetch(file, progress);
}

// What the zone has; if it has nothing, what those who are asked upload.
Result<> Session::fetch(const Zone& zone, const Digest& digest, const Sources& sources, Progress& progress) {
  KACHERY_TRY(found, zone.find({&digest, 1}, progress.cancel));
  ChannelAsking asking{.wait = sources.ask_wait};
  std::string said = "the " + zone.str() + " has nothing by that name that this node may have";
  if (found.front()) {
    const Result<> fetched = fetch_found(zone, *found.front(), progress);
    if (fetched || fetched.error().code != Code::corrupt || sources.asking) return fetched;
    said = "what the " + zone.str() + " has is wrong: " + fetched.error().message;
    asking.ignore_bucket = true;
  }
  const bool asks_nobody = !sources.asking && !zone.hub.node();  // Channels are for nodes.
  if (asks_nobody) return fail(asking.ignore_bucket ? Code::corrupt : Code::not_found, said);
  Result<> fetched = sources.asking ? fetch_from_resource(zone, digest, *sources.asking, progress)
                                    : fetch_from_channels(zone, digest, asking, progress);
  if (fetched) return fetched;
  return fail(fetched.error().code, said + "; and " + fetched.error().message);
}

Result<> Session::fetch_from_resource(const Zone& zone, const Digest& digest, const Asking& asking,
                                      Progress& progress) {
  KACHERY_TRY(resource, find_resource(zone, asking, progress.cancel));
  const AskNow ask = [&](const OnAskState& on_state, const std::atomic<bool>& cancel) -> Result<> {
    KACHERY_TRY(state, ask_resource(zone, resource, digest, asking, Relay::yes, on_state, cancel));
    return outcome_of(state, resource);
  };
  KACHERY_TRY(store, store_to_fetch_to());
  KACHERY_TRY(came, ask_and_fetch(zone, *store, digest, ask, progress));
  if (came) return {};
  KACHERY_TRY(now, zone.find({&digest, 1}, progress.cancel));
  if (now.front()) return fetch_found(zone, *now.front(), progress);
  return fail(Code::unavailable, "it is not there, although " + resource.str() +
                                     " says that it has uploaded it; does that serve another zone or hub?");
}

Result<> Session::fetch_from_channels(const Zone& zone, const Digest& digest, const ChannelAsking& asking,
                                      Progress& progress) {
  const auto fetch_once = [&](bool ignore_bucket) -> Result<> {
    const AskNow ask = [&](const OnAskState& on_state, const std::atomic<bool>& cancel) -> Result<> {
      const ChannelAsking now{.wait = asking.wait, .ignore_bucket = ignore_bucket};
      KACHERY_TRY(state, ask_channels(zone, digest, now, Relay::yes, on_state, cancel));
      return outcome_in_channels(state);
    };
    KACHERY_TRY(store, store_to_fetch_to());
    KACHERY_TRY(came, ask_and_fetch(zone, *store, digest, ask, progress));
    if (came) return {};
    KACHERY_TRY(now, zone.find({&digest, 1}, progress.cancel));
    if (now.front()) return fetch_found(zone, *now.front(), progress);
    return fail(Code::corrupt, "what a node of a channel has uploaded was found to be wrong");
  };
  Result<> fetched = fetch_once(asking.ignore_bucket);
  for (int tries = 1; !fetched && fetched.error().code == Code::corrupt && tries < kTriesMax; ++tries) {
    if (!sleep_unless(progress.cancel, kAskAgain)) return fail_cancelled();
    fetched = fetch_once(true);
  }
  return fetched;
}

Result<wire::Holders> Session::find_holders(const Digest& digest, const std::optional<ZoneName>& zone,
                                            const std::optional<ChannelName>& channel,
                                            const Progress& progress) {
  KACHERY_TRY(name, zone_or_default(zone));
  KACHERY_TRY(asked, hub(MissingKey::none));
  return asked->call(remote::kAskHolders, wire::AskHolders{name, digest, channel}, progress.cancel);
}

Result<wire::AskState> Session::ask(const Digest& digest, const Asking& asking,
                                    const std::optional<ZoneName>& zone, const OnAskState& on_state,
                                    const Progress& progress) {
  KACHERY_TRY(name, zone_or_default(zone));
  KACHERY_TRY(asked, hub(MissingKey::none));
  const Zone in{*asked, name};
  if (!asking.ignore_bucket) {
    KACHERY_TRY(found, in.find({&digest, 1}, progress.cancel));
    if (found.front()) return wire::AskState{wire::kCompleted, found.front()->size, {}, {}, {}};
  }
  KACHERY_TRY(resource, find_resource(in, asking, progress.cancel));
  return ask_resource(in, resource, digest, asking, Relay::no, on_state, progress.cancel);
}

Result<> Session::cancel_ask(const Digest& digest, const Asking& asking, const std::optional<ZoneName>& zone,
                             const Progress& progress) {
  KACHERY_TRY(name, zone_or_default(zone));
  KACHERY_TRY(asked, hub(MissingKey::none));
  const Zone in{*asked, name};
  KACHERY_TRY(resource, find_resource(in, asking, progress.cancel));
  return cancel_asking(in, resource, digest, progress.cancel);
}

void Session::limit_uploads(ByteCount bytes_per_second) {
  upload_throttle_ = std::make_unique<Throttle>(bytes_per_second);
}

Result<> Session::upload(std::span<const Digest> digests, const std::optional<ZoneName>& zone,
                         Progress& progress, const std::optional<ChannelName>& channel) {
  KACHERY_TRY(name, zone_or_default(zone));
  KACHERY_TRY(asked, hub(MissingKey::generate));
  KACHERY_TRY(stores, readable_stores());
  Failures failures;
  std::vector<Outgoing> outgoing;
  for (const Digest& digest : digests) {
    Result<Outgoing> one = outgoing_of(stores, digest, progress);
    if (one) {
      outgoing.push_back(*std::move(one));
    } else if (!failures.add(name_of(digest), one.error())) {
      return std::unexpected(std::move(one).error());
    }
  }
  KACHERY_TRY(Uploader({*asked, name, channel, upload_throttle_.get()}).upload(outgoing, progress));
  return failures.result(digests.size());
}

Result<std::vector<Stored>> Session::upload_files(std::span<const std::filesystem::path> paths,
                                                  Algorithm algorithm, const std::optional<ZoneName>& zone,
                                                  Progress& progress) {
  KACHERY_TRY(name, zone_or_default(zone));
  KACHERY_TRY(asked, hub(MissingKey::generate));
  std::vector<std::optional<Outgoing>> surveyed(paths.size());
  KACHERY_TRY(parallel_for(paths.size(), processor_count(), [&](std::size_t i) -> Result<> {
    KACHERY_TRY(one, survey(paths[i], algorithm, progress));
    surveyed[i] = std::move(one);
    return {};
  }));
  std::vector<Outgoing> outgoing;
  std::vector<Stored> stored;
  for (auto& one : surveyed) {
    stored.push_back({one->digest, one->size});
    outgoing.push_back(*std::move(one));
  }
  progress.bytes_total = 0;  // Counted by what is sent: the same content goes once.
  KACHERY_TRY(Uploader({*asked, name, {}, upload_throttle_.get()}).upload(outgoing, progress));
  return stored;
}

// The paths of those that are here, whose hash was checked; empty for the others.
Result<std::vector<std::filesystem::path>> Session::paths_here(std::span<const Digest> digests,
                                                               const Progress& progress) {
  std::vector<std::filesystem::path> paths(digests.size());
  KACHERY_TRY(parallel_for(digests.size(), processor_count(), [&](std::size_t i) -> Result<> {
    if (progress.cancel) return fail(Code::cancelled, "stopped at the user's request");
    Progress unwatched;  // What counts is what is fetched.
    Result<Located> here = open_here({digests[i], ""}, Location::ignore, unwatched);
    if (here) paths[i] = std::move(here->path);
    return {};
  }));
  return paths;
}

// Of the nodes of channels, what the zone does not have.
Result<> Session::ask_for_many(const Zone& from, std::span<const Digest> digests, Failures& failures,
                               Progress& progress) {
  if (digests.empty()) return {};
  KACHERY_TRY(can_ask, requests_files_somewhere(from, progress.cancel));
  const std::string nothing = "neither here nor in the " + from.str() + ", as far as this node may know";
  // One after the other, each in parallel in itself, so that what goes on can be counted.
  for (const Digest& digest : digests) {
    Result<> fetched = fail(Code::not_found, nothing);
    if (can_ask) fetched = fetch_from_channels(from, digest, {}, progress);
    if (!fetched && can_ask)
      fetched = fail(fetched.error().code, nothing + "; and " + fetched.error().message);
    KACHERY_TRY(failures.take(name_of(digest), fetched));
  }
  return {};
}

Result<std::vector<std::filesystem::path>> Session::fetch_many(std::span<const Digest> digests,
                                                               const std::optional<ZoneName>& zone,
                                                               Progress& progress) {
  KACHERY_TRY(paths, paths_here(digests, progress));
  std::vector<Digest> missing;
  for (std::size_t i = 0; i < digests.size(); ++i)
    if (paths[i].empty()) missing.push_back(digests[i]);
  if (missing.empty()) return paths;
  std::ranges::sort(missing);
  missing.erase(std::ranges::unique(missing).begin(), missing.end());

  KACHERY_TRY(name, zone_or_default(zone));
  KACHERY_TRY(asked, hub(MissingKey::none));
  const Zone from{*asked, name};
  KACHERY_TRY(found, from.find(missing, progress.cancel));
  std::vector<wire::FoundFile> files;
  std::vector<Digest> elsewhere;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (found[i])
      files.push_back(*std::move(found[i]));
    else
      elsewhere.push_back(missing[i]);
  }
  KACHERY_TRY(store, store_to_fetch_to());
  KACHERY_TRY(Fetcher(from, *store).fetch_many(files, progress));
  Failures failures;
  KACHERY_TRY(ask_for_many(from, elsewhere, failures, progress));
  KACHERY_TRY(failures.result(digests.size()));
  for (std::size_t i = 0; i < digests.size(); ++i)
    if (paths[i].empty()) paths[i] = std::filesystem::path(store->root().name()) / object_path(digests[i]);
  return paths;
}

Result<std::vector<std::optional<ZoneFile>>> Session::find_in_zone(std::span<const Digest> digests,
                                                                   const std::optional<ZoneName>& zone,
                                                                   const Progress& progress) {
  KACHERY_TRY(name, zone_or_default(zone));
  KACHERY_TRY(asked, hub(MissingKey::none));
  KACHERY_TRY(found, (Zone{*asked, name}.find(digests, progress.cancel)));
  std::vector<std::optional<ZoneFile>> files;
  files.reserve(found.size());
  for (const auto& file : found) files.push_back(file ? std::optional(zone_file(*file)) : std::nullopt);
  return files;
}

Result<std::vector<Digest>> Session::find_missing(std::span<const Digest> digests,
                                                  const std::optional<ZoneName>& zone,
                                                  const Progress& progress) {
  KACHERY_TRY(found, find_in_zone(digests, zone, progress));
  std::vector<Digest> missing;
  for (std::size_t i = 0; i < digests.size(); ++i)
    if (!found[i]) missing.push_back(digests[i]);
  return missing;
}

Result<ZoneFile> Session::file_info(const Digest& digest, const std::optional<ZoneName>& zone,
                                    const Progress& progress) {
  KACHERY_TRY(found, find_in_zone({&digest, 1}, zone, progress));
  if (found.front()) return *found.front();
  KACHERY_TRY(name, zone_or_default(zone));
  return fail(Code::not_found, name_of(digest) + ": the zone " + name.str() + " of " +
                                   configuration_.gateway_url.value +
                                   " has nothing by that name that this node may have");
}

}  // namespace kachery
