#include "hub/gateway/bucket_handlers.h"

#include <algorithm>

#include "hub/gateway/bucket_reading.h"
#include "hub/gateway/byte_range.h"

namespace kachery::hub {
namespace {

constexpr const char* kBucketPath = "/bucket/";

// Whoever the URL was made for. It was we who signed it, so what stands there is one of these.
Result<Actor> actor_of(const std::string& text) {
  if (text.empty()) return Anonymous{};
  if (text == kAdministratorActor) return Administrator{};
  KACHERY_TRY(node, NodeId::parse(text));
  return SigningKey{node};
}

// The URL is good; and whoever it was made for may still do what it is for.
Task<Result<Permit>> admit_by_url(Shared& shared, Visit& visit, const BucketPermit& url) {
  KACHERY_CO_TRY(actor, actor_of(url.actor));
  visit.actor = actor;
  const Question question{.action = url.method == Method::put ? Action::upload : Action::fetch,
                          .zone = url.object.zone,
                          .channel = url.object.channel,
                          .object = "sha256:" + url.object.name.hex()};
  co_return co_await shared.admission.admit(visit, question);
}

Result<std::unique_ptr<File>> open_object(const Bucket& bucket, const BucketObject& object) {
  if (object.manifest_of) return bucket.open_manifest(object.zone, *object.manifest_of, object.name);
  return bucket.open_chunk(object.zone, object.name);
}

// Bytes [start, end) of a file, read on the pool while they are sent.
class FileBody final : public Body {
 public:
  FileBody(Shared& shared, ZoneName zone, std::optional<NodeId> node, std::unique_ptr<File> file,
           ByteRange range)
      : download_(shared, std::move(zone), node),
        loop_(shared.services.loop),
        file_(std::move(file)),
        range_(range),
        size_(range.size()) {}

  std::optional<ByteCount> size() const override { return size_; }

  Task<Result<ByteView>> next() override {
    const std::size_t count = std::min<ByteCount>(download_.piece_bytes(), range_.size());
    if (count == 0) co_return ByteView();
    piece_.resize(count);
    auto read = [this] { return read_exactly(*file_, range_.start, piece_); };
    KACHERY_CO_TRY(co_await loop_.offload(std::move(read)));
    download_.add(range_.start == start_ ? 1 : 0, count);
    range_.start += count;
    co_return ByteView(piece_);
  }

 private:
  Download download_;
  Loop& loop_;
  std::unique_ptr<File> file_;
  ByteRange range_;  // What is left.
  ByteCount size_;
  ByteCount start_ = range_.start;
  std::vector<std::byte> piece_;
};

struct Opened {
  std::unique_ptr<File> file;
  ByteCount size;
};

Result<Opened> open_with_size(Services& services, const BucketObject& object) {
  auto file = open_object(services.bucket, object);
  if (!file && file.error().code == Code::not_found) {
    // Perhaps the catalog counts on it.
    KACHERY_TRY(services.catalog.upkeep().note_lost(object.zone, object.name, object.manifest_of));
    return fail(Code::not_found, "there is no object " + object.name.hex() + " in zone " + object.zone.str() +
                                     " any more; whoever has the file can store it again");
  }
  if (!file) return std::unexpected(std::move(file).error());
  KACHERY_TRY(stamp, (*file)->stamp());
  return Opened{*std::move(file), stamp.size};
}

// Where the asker got wrong bytes before, the object is read whole first, and put aside if it is damaged.
Task<Result<>> check_if_wanted(Shared& shared, const RequestHead& head, const BucketObject& object) {
  if (head.fields.find("want-repr-digest") == nullptr) co_return Result<>();
  const std::optional<Turn> turn = co_await shared.checks.take(kTurnWaitMax);
  if (!turn) co_return fail(Code::unavailable, "too many objects are being checked; try again later");
  auto check = [&shared, &object] { return check_object(shared.services, object); };
  co_return co_await shared.services.loop.offload(std::move(check));
}

// What the request wants of the object. A range counts only if it is of the object that the asker knows.
RangeAnswer wanted_of(const RequestHead& head, const std::string& tag, ByteCount size) {
  const std::string* range = head.fields.find("range");
  const std::string* only_if = head.fields.find("if-range");
  if (range == nullptr || head.method != Method::get || head.fields.count("range") != 1 ||
      (only_if != nullptr && *only_if != tag))
    return {RangeAnswer::What::whole, {0, size}};
  return range_answer(*range, size);
}

Task<Result<Response>> serve_get(Shared& shared, Visit& visit) {
  KACHERY_CO_TRY(url, shared.services.urls.check(visit.head(), visit.now_ms / 1000));
  KACHERY_CO_TRY(permit, co_await admit_by_url(shared, visit, url));
  KACHERY_CO_TRY(co_await check_if_wanted(shared, visit.head(), url.object));
  auto open = [&shared, &url] { return open_with_size(shared.services, url.object); };
  KACHERY_CO_TRY(opened, co_await shared.services.loop.offload(std::move(open)));

  const std::string tag = "\"" + url.object.name.hex() + "\"";
  const RangeAnswer wanted = wanted_of(visit.head(), tag, opened.size);
  visit.fields = {{"Accept-Ranges", "bytes"},
                  {"ETag", tag},
                  {"Content-Disposition", "attachment"},
                  {"Content-Security-Policy", "sandbox; default-src 'none'"}};
  if (wanted.what == RangeAnswer::What::unsatisfiable) {
    visit.status = 416;
    visit.fields.add("Content-Range", "bytes */" + std::to_string(opened.size));
    co_return fail(Code::invalid, "the range begins behind the object's end: it has " +
                                      std::to_string(opened.size) + " bytes");
  }
  Response response;
  response.fields.add("Content-Type", "application/octet-stream");
  if (wanted.what == RangeAnswer::What::part) {
    response.status = 206;
    response.fields.add("Content-Range", "bytes " + std::to_string(wanted.range.start) + "-" +
                                             std::to_string(wanted.range.end - 1) + "/" +
                                             std::to_string(opened.size));
  }
  response.body = std::make_unique<FileBody>(shared, url.object.zone, permit.node(), std::move(opened.file),
                                             wanted.range);
  co_return response;
}

// Streams the body into the writer. Code::invalid if it is not as long as was signed.
Task<Result<>> receive(Shared& shared, Visit& visit, ChunkWriter& writer, ByteCount size) {
  while (true) {
    KACHERY_CO_TRY(piece, co_await visit.request.read());
    if (piece.empty()) break;
    visit.received += piece.size();
    if (visit.received > size) break;
    auto append = [&writer, &piece] { return writer.append(piece); };
    KACHERY_CO_TRY(co_await shared.services.loop.offload(std::move(append)));
  }
  if (visit.received == size) co_return Result<>();
  co_return fail(Code::invalid,
                 "the body does not have the " + std::to_string(size) + " bytes that the URL is for");
}

// A writer that was not committed deletes its file: on the pool, too.
Task<> discard(Shared& shared, ChunkWriter writer) {
  auto work = [&writer] { const ChunkWriter gone = std::move(writer); };
  co_await do_on_pool(shared.services.loop, std::move(work));
}

Task<Result<KeptChunk>> keep_body(Shared& shared, Visit& visit, const BucketPermit& url) {
  auto create = [&shared, &url] { return shared.services.bucket.create(url.object.zone, url.size); };
  KACHERY_CO_TRY(writer, co_await shared.services.loop.offload(std::move(create)));
  const Result<> received = co_await receive(shared, visit, writer, url.size);
  if (!received) {
    co_await discard(shared, std::move(writer));
    co_return std::unexpected(received.error());
  }
  auto commit = [&writer, &url] { return writer.commit(url.object.name); };
  Result<KeptChunk> kept = co_await shared.services.loop.offload(std::move(commit));
  if (!kept) co_await discard(shared, std::move(writer));
  co_return kept;
}

// Where the upload has ended meanwhile, the chunk is nobody's.
Result<> note_sent(Catalog& catalog, const BucketPermit& url, const KeptChunk& kept) {
  Result<> noted = catalog.uploads().note_sent(url.upload, {kept.sha256, kept.sha1, kept.size});
  if (!noted) KACHERY_TRY(catalog.upkeep().note_found(url.object.zone, {&kept.sha256, 1}));
  return noted;
}

Task<Result<Response>> serve_put(Shared& shared, Visit& visit) {
  KACHERY_CO_TRY(url, shared.services.urls.check(visit.head(), visit.now_ms / 1000));
  KACHERY_CO_TRY(permit, co_await admit_by_url(shared, visit, url));
  if (visit.request.body_size().value_or(0) != url.size)
    co_return fail(Code::invalid, "Content-Length is not the size that the URL is for");

  // A chunk that is there is received likewise: its bytes are the proof that the sender knows it.
  Result<KeptChunk> kept = co_await keep_body(shared, visit, url);
  const Transfer transfer{.uploads = kept ? 1U : 0U, .upload_bytes = visit.received};
  shared.services.usage.add(url.object.zone, permit.node(), transfer, visit.now_ms);
  if (!kept) co_return std::unexpected(std::move(kept).error());
  log_if_mended(*kept, url.object.zone);

  auto note = [&shared, &url, &kept] { return note_sent(shared.services.catalog, url, *kept); };
  KACHERY_CO_TRY(co_await shared.services.loop.offload(std::move(note)));
  shared.rendezvous.orders.arrivals().sent(url.upload, kept->sha256);
  Response response{.status = kept->existed ? 412 : 201};
  response.fields.add("ETag", "\"" + url.object.name.hex() + "\"");
  co_return response;
}

}  // namespace

std::vector<Route> bucket_routes() {
  std::vector<Route> routes;
  routes.push_back({Method::get, kBucketPath, Action::use_signed_url, Bearer::none, serve_get});
  routes.push_back({Method::put, kBucketPath, Action::use_signed_url, Bearer::none, serve_put});
  return routes;
}

}  // namespace kachery::hub
