#include "hub/gateway/upload_handlers.h"

#include <algorithm>

#include "hub/gateway/bucket_reading.h"
#include "hub/gateway/uploading.h"
#include "wire/hub.h"
#include "wire/uploads.h"

namespace kachery::hub {
namespace {

constexpr std::size_t kPageTextBytesMax = 320 << 10;  // 4,096 lines of 64 digits, a size and two separators.

Result<std::vector<ChunkEntry>> chunk_entries(const std::vector<wire::Chunk>& chunks) {
  if (chunks.size() > wire::kChunksMax)
    return fail(Code::invalid, "too many chunks in one request: " + std::to_string(chunks.size()) +
                                   " where " + std::to_string(wire::kChunksMax) + " may be; send several");
  std::vector<ChunkEntry> entries;
  entries.reserve(chunks.size());
  for (const wire::Chunk& chunk : chunks) {
    if (chunk.sha256.algorithm() != Algorithm::sha256)
      return fail(Code::invalid, "chunks are named by their SHA-256, not by " + chunk.sha256.hex());
    if (chunk.size > wire::kChunkBytesMax)
      return fail(Code::invalid, "chunk " + chunk.sha256.hex() + " is too large: chunks have up to " +
                                     std::to_string(wire::kChunkBytesMax) + " bytes");
    entries.push_back({chunk.sha256, chunk.size});
  }
  return entries;
}

Result<UploadRequest> upload_request(const wire::UploadFile& file) {
  KACHERY_TRY(chunks, chunk_entries(file.chunks));
  UploadRequest request{
      .digest = file.digest, .size = file.size, .manifest = {}, .chunks = std::move(chunks)};
  if (file.manifest) {
    KACHERY_TRY(manifest, Digest::parse(Algorithm::sha256, *file.manifest));
    request.manifest = manifest;
    return request;
  }
  if (request.chunks.size() != 1 || request.chunks[0].size != file.size)
    return fail(Code::invalid, "a file without a manifest is one chunk of its own size");
  return request;
}

// For each chunk how it is sent; null for one that need not be.
std::vector<std::optional<wire::PutOrder>> put_orders(const Services& services, const Uploader& uploader,
                                                      const std::string& upload,
                                                      std::span<const ChunkEntry> chunks,
                                                      const std::vector<bool>& here, std::int64_t expires_s) {
  std::vector<std::optional<wire::PutOrder>> orders(chunks.size());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (here[i]) continue;
    const BucketObject object{.zone = uploader.zone, .name = chunks[i].sha256, .channel = uploader.channel};
    SignedPut put = services.urls.put(object, uploader.node.hex(), upload, chunks[i].size, expires_s);
    wire::PutOrder order{.url = std::move(put.url), .headers = {}};
    for (const HttpField& field : put.fields) order.headers.push_back({field.name, field.value});
    orders[i] = std::move(order);
  }
  return orders;
}

wire::BegunUpload refused(const Error& error) {
  return {.outcome = refusal(error), .id = {}, .puts = {}};
}

wire::BegunUpload begun(const Services& services, const Uploader& uploader, const UploadRequest& request,
                        const UploadState& state, std::int64_t expires_s) {
  switch (state.what) {
    case UploadState::What::present:
      return {.outcome = {.state = "present", .code = {}, .message = {}}, .id = {}, .puts = {}};
    case UploadState::What::refused:
      KACHERY_ASSERT(state.refusal.has_value());
      return refused(*state.refusal);
    case UploadState::What::open:
      break;
  }
  return {.outcome = {.state = "open", .code = {}, .message = {}},
          .id = state.id,
          .puts = put_orders(services, uploader, state.id, request.chunks, state.here, expires_s)};
}

// On the pool. What cannot be understood is refused alone, and the catalog says what becomes of the others.
Result<wire::BegunUploads> begin_all(Services& services, const Uploader& uploader,
                                     const wire::BeginUploads& message, std::int64_t now_ms) {
  const std::int64_t expires_s = now_ms / 1000 + kPutUrlSeconds;
  wire::BegunUploads answer{.uploads = {}, .expires_ms = expires_s * 1000};
  std::vector<UploadRequest> requests;
  std::vector<std::size_t> places;
  for (const wire::UploadFile& file : message.files) {
    Result<UploadRequest> request = upload_request(file);
    answer.uploads.push_back(refused(request ? Error{Code::internal, ""} : request.error()));
    if (!request) continue;
    places.push_back(answer.uploads.size() - 1);
    requests.push_back(*std::move(request));
  }
  KACHERY_TRY(states, services.catalog.uploads().begin(uploader, requests, now_ms));
  for (std::size_t i = 0; i < states.size(); ++i)
    answer.uploads[places[i]] = begun(services, uploader, requests[i], states[i], expires_s);
  return answer;
}

// Which chunks need not be sent.
std::vector<bool> here_of(const std::vector<std::optional<wire::PutOrder>>& puts) {
  std::vector<bool> here;
  here.reserve(puts.size());
  for (const auto& put : puts) here.push_back(!put);
  return here;
}

// Those who wait for one of these files in the zone hear of its chunks as they come. A file of one chunk
// comes at once.
void tell_of_begun(Shared& shared, const Uploader& uploader, const wire::BeginUploads& message,
                   const wire::BegunUploads& answer) {
  for (std::size_t i = 0; i < answer.uploads.size(); ++i) {
    const wire::BegunUpload& begun = answer.uploads[i];
    if (!begun.id || !message.files[i].manifest) continue;
    const Result<UploadRequest> request = upload_request(message.files[i]);
    KACHERY_ASSERT(request && request->manifest);  // Otherwise it would have been refused.
    const BegunFile file{.zone = uploader.zone,
                         .channel = uploader.channel,
                         .node = uploader.node,
                         .digest = request->digest,
                         .upload = *begun.id,
                         .manifest = *request->manifest};
    shared.rendezvous.orders.arrivals().begun(file, request->chunks, here_of(begun.puts));
  }
}

Task<Result<wire::Present>> ask_present(Call call, wire::AskPresent message) {
  if (message.files.size() > wire::kFindMax)
    co_return fail(Code::invalid, "too many files in one request: " + std::to_string(message.files.size()) +
                                      " where " + std::to_string(wire::kFindMax) + " may be; send several");
  const Uploader uploader = uploader_of(call.shared, call.permit, message.zone, message.channel);
  std::vector<SizedDigest> files;
  files.reserve(message.files.size());
  for (const wire::AskPresent::File& file : message.files) files.push_back({file.digest, file.size});
  auto work = [&call, &uploader, &files] {
    return call.services().catalog.uploads().present(uploader, files, call.now_ms);
  };
  KACHERY_CO_TRY(present, co_await call.services().loop.offload(std::move(work)));
  co_return wire::Present{.present = std::move(present)};
}

Task<Result<wire::BegunUploads>> begin(Call call, wire::BeginUploads message) {
  if (message.files.size() > wire::kUploadFilesMax)
    co_return fail(Code::invalid, "too many files in one request: " + std::to_string(message.files.size()) +
                                      " where " + std::to_string(wire::kUploadFilesMax) +
                                      " may be; send several");
  const Uploader uploader = uploader_of(call.shared, call.permit, message.zone, message.channel);
  auto work = [&call, &message, &uploader] {
    return begin_all(call.services(), uploader, message, call.now_ms);
  };
  KACHERY_CO_TRY(begun, co_await call.services().loop.offload(std::move(work)));
  tell_of_begun(call.shared, uploader, message, begun);
  co_return begun;
}

Task<Result<wire::PutOrders>> more_chunks(Call call, wire::MoreChunks message) {
  KACHERY_CO_TRY(chunks, chunk_entries(message.chunks));
  const Uploader uploader = uploader_of(call.shared, call.permit, message.zone, message.channel);
  const std::int64_t expires_s = call.now_ms / 1000 + kPutUrlSeconds;
  auto work = [&]() -> Result<wire::PutOrders> {
    KACHERY_TRY(here,
                call.services().catalog.uploads().expect_chunks(uploader, message.id, chunks, call.now_ms));
    return wire::PutOrders{.puts = put_orders(call.services(), uploader, message.id, chunks, here, expires_s),
                           .expires_ms = expires_s * 1000};
  };
  KACHERY_CO_TRY(orders, co_await call.services().loop.offload(std::move(work)));
  call.shared.rendezvous.orders.arrivals().announced(message.id, chunks, here_of(orders.puts));
  co_return orders;
}

Result<Signature> signature_in(const std::string& hex) {
  Signature signature;
  if (!from_hex(hex, signature))
    return fail(Code::invalid, "a claim's signature has " + std::to_string(2 * signature.size()) +
                                   " lower-case hexadecimal digits");
  return signature;
}

// The pages of a manifest, as they lie in the bucket.
Result<std::vector<ManifestPage>> read_pages(const Bucket& bucket, const ZoneName& zone,
                                             const Manifest& manifest) {
  if (manifest.pages.size() > kManifestPagesMax)
    return fail(Code::invalid, "the manifest has " + std::to_string(manifest.pages.size()) + " pages where " +
                                   std::to_string(kManifestPagesMax) + " may be: cut larger chunks");
  std::vector<ManifestPage> pages;
  pages.reserve(manifest.pages.size());
  for (const Manifest::Page& page : manifest.pages) {
    const Result<std::string> text = read_chunk(bucket, zone, page.sha256, kPageTextBytesMax);
    if (!text && text.error().code != Code::not_found) return std::unexpected(text.error());
    if (!text)
      return fail(Code::not_found,
                  "page " + page.sha256.hex() + " of the manifest was not sent: send it, then commit again");
    KACHERY_TRY(parsed, parse_page(page, *text));
    pages.push_back(std::move(parsed));
  }
  return pages;
}

// What is committed of one file: for one of several chunks the manifest, which is kept in the bucket first.
Result<Commit> prepare(Services& services, const Uploader& uploader, const wire::CommitUpload& message) {
  Commit commit{.upload = message.id, .manifest = {}, .pages = {}, .signature = {}};
  if (!message.manifest) return commit;

  KACHERY_TRY(begun, services.catalog.uploads().upload(uploader, message.id));
  const Digest name = Hasher::of(Algorithm::sha256, as_bytes(*message.manifest));
  KACHERY_TRY(manifest, Manifest::parse(*message.manifest));
  if (begun.manifest != name || manifest.file != begun.digest || manifest.size != begun.size)
    return fail(Code::invalid, "this is not the manifest that upload " + message.id + " was begun with");
  if (!message.signature)
    return fail(Code::invalid, "the claim that this is the file's manifest is not signed");
  KACHERY_TRY(signature, signature_in(*message.signature));
  if (!verify(uploader.node, as_bytes(claim_text(manifest.file, manifest.size, name)), signature))
    return fail(Code::denied, "the signature of the claim is not by the node that uploads");
  KACHERY_TRY(pages, read_pages(services.bucket, uploader.zone, manifest));
  KACHERY_TRY(services.bucket.put_manifest(uploader.zone, manifest.file, name, *message.manifest));
  commit.manifest = std::move(manifest);
  commit.pages = std::move(pages);
  commit.signature = signature;
  return commit;
}

// On the pool.
Result<wire::Outcomes> commit_all(Services& services, const Uploader& uploader,
                                  const wire::CommitUploads& message, std::int64_t now_ms) {
  wire::Outcomes outcomes;
  std::vector<Commit> commits;
  std::vector<std::size_t> places;
  for (const wire::CommitUpload& upload : message.uploads) {
    Result<Commit> commit = prepare(services, uploader, upload);
    outcomes.files.push_back(refusal(commit ? Error{Code::internal, ""} : commit.error()));
    if (!commit) continue;
    places.push_back(outcomes.files.size() - 1);
    commits.push_back(*std::move(commit));
  }
  KACHERY_TRY(states, services.catalog.uploads().commit(uploader, commits, now_ms));
  for (std::size_t i = 0; i < states.size(); ++i) outcomes.files[places[i]] = outcome_of(states[i]);
  return outcomes;
}

Task<Result<wire::Outcomes>> commit(Call call, wire::CommitUploads message) {
  if (message.uploads.size() > wire::kUploadFilesMax)
    co_return fail(Code::invalid,
                   "too many uploads in one request: " + std::to_string(message.uploads.size()) + " where " +
                       std::to_string(wire::kUploadFilesMax) + " may be; send several");
  const Uploader uploader = uploader_of(call.shared, call.permit, message.zone, message.channel);
  auto work = [&call, &message, &uploader] {
    return commit_all(call.services(), uploader, message, call.now_ms);
  };
  Result<wire::Outcomes> outcomes = co_await call.services().loop.offload(std::move(work));
  call.shared.found.clear();
  call.shared.claim_made.notify();
  co_return outcomes;
}

Task<Result<wire::Done>> abandon(Call call, wire::AbandonUploads message) {
  if (message.ids.size() > wire::kUploadFilesMax)
    co_return fail(Code::invalid, "too many uploads in one request: " + std::to_string(message.ids.size()));
  const Uploader uploader = uploader_of(call.shared, call.permit, message.zone, message.channel);
  auto work = [&call, &message, &uploader] {
    return call.services().catalog.uploads().abandon(uploader, message.ids);
  };
  KACHERY_CO_TRY(co_await call.services().loop.offload(std::move(work)));
  co_return wire::Done{true};
}

}  // namespace

std::vector<Route> upload_routes() {
  std::vector<Route> routes;
  routes.push_back(message_route("/v1/uploads/present", Action::upload, ask_present));
  routes.push_back(message_route("/v1/uploads/begin", Action::upload, begin));
  routes.push_back(message_route("/v1/uploads/chunks", Action::upload, more_chunks));
  routes.push_back(message_route("/v1/uploads/commit", Action::upload, commit));
  routes.push_back(message_route("/v1/uploads/abandon", Action::upload, abandon));
  return routes;
}

}  // namespace kachery::hub
