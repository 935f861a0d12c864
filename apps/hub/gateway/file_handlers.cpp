#include "hub/gateway/file_handlers.h"

#include <algorithm>

#include "hub/gateway/small_files.h"

namespace kachery::hub {
namespace {

std::unexpected<Error> too_many_things(std::string_view what, std::size_t count, std::size_t count_max) {
  return fail(Code::invalid, "too many " + std::string(what) + " in one request: " + std::to_string(count) +
                                 " where " + std::to_string(count_max) + " may be; send several");
}

wire::FoundFile offer(const Services& services, const ZoneName& zone, const FileRecord& file,
                      const std::string& actor, std::int64_t expires_s) {
  wire::FoundFile found{
      .digest = file.digest, .size = file.size, .sha256 = file.chunk, .url = {}, .manifests = {}};
  if (file.chunk) {
    const BucketObject chunk{.zone = zone, .name = *file.chunk, .channel = file.channel};
    found.url = services.urls.get(chunk, actor, expires_s);
  }
  for (const ManifestRecord& record : file.manifests) {
    const BucketObject manifest{
        .zone = zone, .name = record.manifest, .manifest_of = file.digest, .channel = file.channel};
    found.manifests.push_back({.sha256 = record.manifest.hex(),
                               .url = services.urls.get(manifest, actor, expires_s),
                               .attested_by = record.claimed_by ? record.claimed_by->hex() : "hub"});
  }
  return found;
}

// What whoever asks may read at this moment, of the channel that the message names, or all.
template <class Message>
Reader reader_of(const Call& call, const Message& message) {
  return reader_in(*call.services().facts.now(), call.permit.actor(), message.zone, message.channel);
}

// By the catalog, but for a few that were found a moment ago.
Task<Result<FoundCache::Records>> look_up(Call call, const wire::Find& message, bool few) {
  FoundCache& cache = call.shared.found;
  const Reader reader = reader_of(call, message);
  if (few) {
    std::optional<FoundCache::Records> known = cache.find(message.zone, reader, message.digests);
    if (known) co_return *std::move(known);
  }
  const std::uint64_t generation = cache.generation();
  auto work = [&call, &message, &reader] {
    return call.services().catalog.files().find(message.zone, reader, message.digests);
  };
  KACHERY_CO_TRY(found, co_await call.services().loop.offload(std::move(work)));
  if (few) cache.put(generation, message.zone, found);
  co_return found;
}

Task<Result<wire::FoundFiles>> find(Call call, wire::Find message) {
  if (message.digests.size() > wire::kFindMax)
    co_return too_many_things("digests", message.digests.size(), wire::kFindMax);
  const bool few = message.digests.size() <= kInlineThings;
  KACHERY_CO_TRY(records, co_await look_up(call, message, few));

  const std::string actor = url_actor(call.permit);
  const std::int64_t expires_s = call.now_ms / 1000 + kGetUrlSeconds;
  auto offer_all = [&] {
    wire::FoundFiles found{.files = {}, .expires_ms = expires_s * 1000};
    found.files.resize(records.size());
    for (std::size_t i = 0; i < records.size(); ++i)
      if (records[i]) found.files[i] = offer(call.services(), message.zone, *records[i], actor, expires_s);
    return found;
  };
  if (few) co_return offer_all();
  co_return co_await call.services().loop.offload(std::move(offer_all));
}

Task<Result<wire::ChunkUrls>> ask_chunks(Call call, wire::AskChunks message) {
  if (message.chunks.size() > wire::kChunksMax)
    co_return too_many_things("chunks", message.chunks.size(), wire::kChunksMax);
  const std::string actor = url_actor(call.permit);
  const std::int64_t expires_s = call.now_ms / 1000 + kGetUrlSeconds;
  const Reader reader = reader_of(call, message);
  auto work = [&call, &message, &reader, &actor, expires_s]() -> Result<wire::ChunkUrls> {
    KACHERY_TRY(
        found, call.services().catalog.files().chunks_of(message.zone, reader, message.file, message.chunks));
    wire::ChunkUrls answer{.urls = {}, .expires_ms = expires_s * 1000};
    answer.urls.resize(message.chunks.size());
    for (std::size_t i = 0; i < message.chunks.size(); ++i) {
      const BucketObject chunk{.zone = message.zone, .name = message.chunks[i], .channel = found.channel};
      if (found.known[i]) answer.urls[i] = call.services().urls.get(chunk, actor, expires_s);
    }
    return answer;
  };
  co_return co_await call.services().loop.offload(std::move(work));
}

Task<Result<Response>> get_small(Call call, wire::GetSmall message) {
  if (message.digests.size() > wire::kSmallFilesMax)
    co_return too_many_things("digests", message.digests.size(), wire::kSmallFilesMax);
  const Reader reader = reader_of(call, message);
  auto work = [&call, &message, &reader] {
    return call.services().catalog.files().find(message.zone, reader, message.digests);
  };
  KACHERY_CO_TRY(found, co_await call.services().loop.offload(std::move(work)));
  Response response;
  response.fields.add("Content-Type", std::string(kSmallFilesType));
  response.fields.add("Content-Disposition", "attachment");
  response.body = send_small_files(call, message.zone, std::move(message.digests), std::move(found));
  co_return response;
}

Task<Result<wire::FileList>> list(Call call, wire::ListFiles message) {
  std::optional<UserName> user;
  if (message.mine) user = call.permit.own_user();
  auto work = [&call, &message, &user] {
    return call.services().catalog.files().list(message.zone, user, message.after, wire::kListMax);
  };
  KACHERY_CO_TRY(page, co_await call.services().loop.offload(std::move(work)));
  wire::FileList answer{.files = {}, .next = std::move(page.next)};
  answer.files.reserve(page.files.size());
  for (const ListedRecord& file : page.files)
    answer.files.push_back({.digest = file.digest,
                            .size = file.size,
                            .stored_ms = file.stored_ms,
                            .user = file.user,
                            .node = file.node,
                            .checked = file.checked,
                            .in_zone = file.in_zone,
                            .channels = file.channels});
  co_return answer;
}

Task<Result<wire::Removals>> remove(Call call, wire::RemoveFiles message) {
  if (message.digests.size() > wire::kFindMax)
    co_return too_many_things("digests", message.digests.size(), wire::kFindMax);
  std::optional<UserName> user;
  if (!message.everybody) user = call.permit.own_user();
  auto work = [&call, &message, &user] {
    return call.services().catalog.files().remove(message.zone, message.digests, user);
  };
  Result<std::vector<bool>> removed = co_await call.services().loop.offload(std::move(work));
  call.shared.found.clear();
  if (!removed) co_return std::unexpected(std::move(removed).error());
  co_return wire::Removals{*std::move(removed)};
}

}  // namespace

std::vector<Route> file_routes() {
  std::vector<Route> routes;
  routes.push_back(message_route("/v1/files/find", Action::find, find, Bearer::administrator));
  routes.push_back(message_route("/v1/files/chunks", Action::fetch, ask_chunks, Bearer::administrator));
  routes.push_back(message_route("/v1/files/get", Action::fetch, get_small, Bearer::administrator));
  routes.push_back(message_route("/v1/files/list", Action::list_own, list, Bearer::administrator));
  routes.push_back(message_route("/v1/files/remove", Action::remove_own, remove, Bearer::administrator));
  routes.push_back({Method::post, "/v1/files/put", Action::upload, Bearer::none, serve_put_small});
  return routes;
}

}  // namespace kachery::hub
