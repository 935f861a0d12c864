#include "hub/gateway/small_files.h"

#include <algorithm>

#include "hub/gateway/bucket_reading.h"
#include "hub/gateway/uploading.h"
#include "os/parallel.h"

namespace kachery::hub {
namespace {

class SmallFilesBody final : public Body {
 public:
  SmallFilesBody(const Call& call, ZoneName zone, std::vector<Digest> digests,
                 std::vector<std::optional<FileRecord>> found)
      : download_(call.shared, zone, call.permit.node()),
        services_(call.services()),
        zone_(std::move(zone)),
        digests_(std::move(digests)),
        found_(std::move(found)) {}

  std::optional<ByteCount> size() const override { return std::nullopt; }

  Task<Result<ByteView>> next() override {
    auto fill = [this] { this->fill(); };
    co_await do_on_pool(services_.loop, std::move(fill));
    download_.add(files_in_piece_, piece_.size());
    co_return as_bytes(piece_);
  }

 private:
  // On the pool, while nobody else looks.
  void fill() {
    piece_.clear();
    files_in_piece_ = 0;
    for (; next_ < digests_.size() && piece_.size() < download_.piece_bytes(); ++next_) {
      std::string bytes;
      const bool readable = read(next_, bytes);
      const std::optional<std::uint64_t> size = readable ? std::optional(bytes.size()) : std::nullopt;
      piece_ += wire::print(wire::SmallFile{digests_[next_], size});
      piece_ += '\n';
      piece_ += bytes;
      if (readable) ++files_in_piece_;
    }
  }

  bool read(std::size_t index, std::string& bytes) const {
    const std::optional<FileRecord>& file = found_[index];
    if (!file || !file->chunk || file->size > wire::kSmallFileBytes) return false;
    Result<std::string> content = read_chunk(services_.bucket, zone_, *file->chunk, file->size);
    if (!content || content->size() != file->size) return false;
    bytes = *std::move(content);
    return true;
  }

  Download download_;
  Services& services_;
  ZoneName zone_;
  std::vector<Digest> digests_;
  std::vector<std::optional<FileRecord>> found_;
  std::size_t next_ = 0;
  std::string piece_;
  std::uint64_t files_in_piece_ = 0;
};

// What one file of a body is, and what became of it.
struct Arrival {
  Digest digest;
  ByteView bytes;
};

// The files of a body, by the line before them. Code::invalid unless they fill it exactly.
Result<std::vector<Arrival>> split(const wire::PutSmall& message, std::string_view bytes) {
  if (message.files.size() > wire::kSmallFilesMax)
    return fail(Code::invalid, "too many files in one body: " + std::to_string(message.files.size()) +
                                   " where " + std::to_string(wire::kSmallFilesMax) + " may be");
  std::vector<Arrival> arrivals;
  arrivals.reserve(message.files.size());
  for (const wire::SmallFile& file : message.files) {
    if (!file.size || *file.size > wire::kSmallFileBytes)
      return fail(Code::invalid, "the size of " + file.digest.hex() + " is missing or above " +
                                     std::to_string(wire::kSmallFileBytes) +
                                     " bytes: larger files are uploaded one by one");
    if (*file.size > bytes.size())
      return fail(Code::invalid, "the body ends before " + file.digest.hex() + " does");
    arrivals.push_back({file.digest, as_bytes(bytes.substr(0, *file.size))});
    bytes.remove_prefix(*file.size);
  }
  if (!bytes.empty())
    return fail(Code::invalid, std::to_string(bytes.size()) + " bytes are left behind the last file");
  return arrivals;
}

// On the pool: what has its digest goes into the bucket and, where there is room for it, into the catalog.
Result<wire::Outcomes> keep(Services& services, const Uploader& uploader,
                            const std::vector<Arrival>& arrivals, std::int64_t now_ms) {
  wire::Outcomes outcomes;
  outcomes.files.resize(arrivals.size(),
                        refusal({Code::corrupt, "the bytes are not what their digest says"}));
  std::vector<std::optional<HashedBytes>> hashed(arrivals.size());
  KACHERY_TRY(parallel_for(arrivals.size(), processor_count(), [&](std::size_t i) -> Result<> {
    hashed[i].emplace(arrivals[i].bytes);
    return {};
  }));
  std::vector<std::size_t> right;
  std::vector<HashedBytes> contents;
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    if (!hashed[i]->has(arrivals[i].digest)) continue;
    right.push_back(i);
    contents.push_back(*hashed[i]);
  }
  if (right.empty()) return outcomes;

  KACHERY_TRY(before, services.catalog.uploads().collections());
  KACHERY_TRY(kept, services.bucket.put_many(uploader.zone, contents));
  for (const KeptChunk& chunk : kept) log_if_mended(chunk, uploader.zone);
  std::vector<SmallUpload> uploads;
  uploads.reserve(right.size());
  for (std::size_t i = 0; i < right.size(); ++i)
    uploads.push_back({arrivals[right[i]].digest, {kept[i].sha256, kept[i].sha1, kept[i].size}});
  KACHERY_TRY(states, services.catalog.uploads().add_small(uploader, uploads, before, now_ms));
  // What was refused after all, for want of space, must not fill the disk.
  std::vector<Digest> unwanted;
  for (std::size_t i = 0; i < right.size(); ++i) {
    outcomes.files[right[i]] = outcome_of(states[i]);
    if (states[i].what == CommitState::What::refused) unwanted.push_back(kept[i].sha256);
  }
  KACHERY_TRY(services.catalog.upkeep().note_found(uploader.zone, unwanted));
  return outcomes;
}

}  // namespace

std::unique_ptr<Body> send_small_files(const Call& call, ZoneName zone, std::vector<Digest> digests,
                                       std::vector<std::optional<FileRecord>> found) {
  return std::make_unique<SmallFilesBody>(call, std::move(zone), std::move(digests), std::move(found));
}

Task<Result<Response>> serve_put_small(Shared& shared, Visit& visit) {
  // Nobody else may upload: so nobody else makes us hold megabytes.
  if (!visit.signed_request) co_return fail(Code::denied, "only nodes upload: sign the request");
  constexpr ByteCount kBytesMax = wire::kSmallBodyBytes + kSmallFilesLineBytes;
  KACHERY_CO_TRY(body, co_await read_whole(shared, shared.small_files_bodies, visit, kBytesMax));
  const std::size_t line_end = body.find('\n');
  if (line_end == std::string::npos || line_end > kSmallFilesLineBytes)
    co_return fail(Code::invalid, "the first line of the body does not end: it is to say which files follow");
  KACHERY_CO_TRY(message, wire::parse<wire::PutSmall>(std::string_view(body).substr(0, line_end)));
  KACHERY_CO_TRY(arrivals, split(message, std::string_view(body).substr(line_end + 1)));

  const Question question = question_of(visit.route->action, message);
  KACHERY_CO_TRY(permit, co_await shared.admission.admit(visit, question));
  const Uploader uploader = uploader_of(shared, permit, message.zone, message.channel);
  auto work = [&] { return keep(shared.services, uploader, arrivals, visit.now_ms); };
  Result<wire::Outcomes> kept = co_await shared.services.loop.offload(std::move(work));
  shared.found.clear();
  KACHERY_CO_TRY(outcomes, std::move(kept));
  Transfer transfer{.uploads = arrivals.size(), .upload_bytes = body.size()};
  shared.services.usage.add(message.zone, permit.node(), transfer, visit.now_ms);
  co_return json_answer(wire::print(outcomes));
}

std::string url_actor(const Permit& permit) {
  const std::optional<NodeId> node = permit.node();
  if (node) return node->hex();
  return std::holds_alternative<Administrator>(permit.actor()) ? kAdministratorActor : "";
}

}  // namespace kachery::hub
