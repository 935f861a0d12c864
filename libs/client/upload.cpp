#include "client/upload.h"

#include <algorithm>
#include <map>

#include "client/chunk_upload.h"
#include "crypto/hasher.h"
#include "os/parallel.h"
#include "store/pump.h"
#include "wire/sizes.h"

namespace kachery {
namespace {

// The files of one question, so that the hub answers one while the next is made.
constexpr std::size_t kAskPresentFiles = 4'096;
static_assert(kAskPresentFiles <= wire::kFindMax);

// Takes bytes as they pass, and notes the SHA-256 of each chunk.
class ChunkHasher {
 public:
  explicit ChunkHasher(ByteCount chunk_size) : chunk_size_(chunk_size) {}

  void update(ByteView bytes) {
    while (!bytes.empty()) {
      const ByteView part = bytes.first(std::min<ByteCount>(bytes.size(), chunk_size_ - filled_));
      hasher_.update(part);
      filled_ += part.size();
      bytes = bytes.subspan(part.size());
      if (filled_ == chunk_size_) end_chunk();
    }
  }

  std::vector<ChunkEntry> finish() {
    if (filled_ > 0) end_chunk();
    return std::move(chunks_);
  }

 private:
  void end_chunk() {
    chunks_.push_back({hasher_.finish(), std::exchange(filled_, 0)});
    hasher_ = Hasher(Algorithm::sha256);
  }

  ByteCount chunk_size_;
  Hasher hasher_{Algorithm::sha256};
  ByteCount filled_ = 0;
  std::vector<ChunkEntry> chunks_;
};

Result<Outgoing> survey_file(const File& file, const std::filesystem::path& path, Algorithm algorithm,
                             const Progress& progress) {
  KACHERY_TRY(stamp, file.stamp());
  if (progress.cancel) return fail_cancelled();
  const auto fail_growing = [] {
    return fail(Code::corrupt, "it changed while it was read; try again when nobody writes to it");
  };
  if (stamp.size <= wire::kSmallFileBytes) {  // Without the pump, whose pieces take longer than a small file.
    std::vector<std::byte> bytes(stamp.size + 1);
    KACHERY_TRY(size, file.read_at(0, bytes));
    if (size != stamp.size) return fail_growing();
    return Outgoing{path, Hasher::of(algorithm, ByteView(bytes).first(size)), size};
  }
  ChunkHasher chunks(stamp.size <= wire::kChunkBytesMax ? wire::kChunkBytesMax : wire::kFixedChunkBytes);
  const Sink sink = [&](ByteView piece) -> Result<> {
    if (progress.cancel) return fail_cancelled();
    chunks.update(piece);
    return {};
  };
  Progress unwatched;  // What counts is what was sent.
  const auto source = stream_of(file);
  KACHERY_TRY(pumped, pump(*source, algorithm, unwatched, sink));
  if (pumped.size != stamp.size) return fail_growing();
  return Outgoing{path, pumped.digest, pumped.size, chunks.finish()};
}

std::unexpected<Error> fail_changed() {
  return fail(Code::corrupt, "it is not the content any more that it was; store or link it again");
}

Result<std::string> read_small(const Outgoing& file) {
  KACHERY_TRY(open, open_user_file(file.path));
  std::string bytes(file.size + 1, '\0');
  KACHERY_TRY(size, open->read_at(0, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(size);
  if (Hasher::of(file.digest.algorithm(), as_bytes(bytes)) != file.digest) return fail_changed();
  return bytes;
}

}  // namespace

Result<Outgoing> survey(const std::filesystem::path& path, Algorithm algorithm, const Progress& progress) {
  KACHERY_TRY(file, open_user_file(path));
  Result<Outgoing> outgoing = survey_file(*file, path, algorithm, progress);
  if (!outgoing) return fail(outgoing.error().code, path.native() + ": " + outgoing.error().message);
  return outgoing;
}

Result<> Uploader::upload(std::span<const Outgoing> files, Progress& progress) const {
  std::map<Digest, const Outgoing*> unique;
  Files waiting;
  for (const Outgoing& file : files) {
    if (!unique.emplace(file.digest, &file).second) continue;
    waiting.push_back(&file);
    progress.bytes_total += file.size;
  }
  KACHERY_TRY(claim_present(waiting, progress));

  Files small;
  Files single;
  Files large;
  for (const Outgoing* file : waiting)
    (file->size <= wire::kSmallFileBytes  ? small
     : file->size <= wire::kChunkBytesMax ? single
                                          : large)
        .push_back(file);
  const auto batches = batches_of<const Outgoing*>(small, [](const Outgoing* file) { return file->size; });
  Failures failures;
  KACHERY_TRY(parallel_for(batches.size(), kBatchesAtOnce,
                           [&](std::size_t i) { return send_small(batches[i], failures, progress); }));
  const auto send = [&](const Outgoing& file, std::size_t connections) -> Result<> {
    KACHERY_TRY(failures.take(file.path.native(), send_large(file, connections, progress)));
    ++progress.items_done;
    return {};
  };
  KACHERY_TRY(parallel_for(single.size(), kConnections, [&](std::size_t i) { return send(*single[i], 1); }));
  for (const Outgoing* file : large) KACHERY_TRY(send(*file, kConnections));
  return failures.result(unique.size());
}

// Takes those off the list that the zone has, and that are this user's from now on, too.
Result<> Uploader::claim_present(Files& files, Progress& progress) const {
  std::vector<std::uint8_t> present(files.size(), 0);
  const auto ask = [&](std::size_t number) -> Result<> {
    const std::size_t first = number * kAskPresentFiles;
    const auto part = std::span(files).subspan(first, std::min(kAskPresentFiles, files.size() - first));
    wire::AskPresent question{zone_.name, {}, zone_.channel};
    for (const Outgoing* file : part) question.files.push_back({file->digest, file->size});
    KACHERY_TRY(answer, zone_.hub.call(remote::kAskPresent, question, progress.cancel));
    if (answer.present.size() != part.size())
      return fail(Code::unavailable, zone_.str() + " answered about other files than it was asked for");
    std::ranges::copy(answer.present, present.begin() + static_cast<std::ptrdiff_t>(first));
    return {};
  };
  const std::size_t parts = (files.size() + kAskPresentFiles - 1) / kAskPresentFiles;
  KACHERY_TRY(parallel_for(parts, kConnections, ask));

  Files absent;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (present[i] == 0) {
      absent.push_back(files[i]);
      continue;
    }
    progress.bytes_done += files[i]->size;
    ++progress.items_done;
  }
  files = std::move(absent);
  return {};
}

Result<> Uploader::abandon(std::vector<std::string> ids, const Progress& progress) const {
  if (ids.empty()) return {};
  KACHERY_TRY(
      zone_.hub.call(remote::kAbandonUploads, {zone_.name, std::move(ids), zone_.channel}, progress.cancel));
  return {};
}

Result<> Uploader::send_small(std::span<const Outgoing* const> files, Failures& failures,
                              Progress& progress) const {
  wire::PutSmall message{zone_.name, {}, zone_.channel};
  std::vector<const Outgoing*> sent;
  std::string contents;
  for (const Outgoing* file : files) {
    const Result<std::string> bytes = read_small(*file);
    if (!bytes) {
      KACHERY_TRY(failures.take(file->path.native(), std::unexpected(bytes.error())));
      continue;
    }
    message.files.push_back({file->digest, bytes->size()});
    contents += *bytes;
    sent.push_back(file);
  }
  if (sent.empty()) return {};
  if (zone_.uploads != nullptr) KACHERY_TRY(zone_.uploads->take(contents.size(), progress.cancel));
  KACHERY_TRY(answer, zone_.hub.put_small(message, as_bytes(contents), progress.cancel));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const wire::Outcome& outcome = answer.files[i];
    if (outcome.state == "refused") {
      const Error refusal{outcome.code.value_or(Code::denied),
                          "the hub refuses it: " + outcome.message.value_or("it does not say why")};
      KACHERY_TRY(failures.take(sent[i]->path.native(), std::unexpected(refusal)));
      continue;
    }
    progress.bytes_done += sent[i]->size;
    ++progress.items_done;
  }
  return {};
}

Result<> Uploader::send_large(const Outgoing& file, std::size_t connections, Progress& progress) const {
  KACHERY_TRY(open, open_user_file(file.path));
  Outgoing surveyed = file;
  if (file.chunks.empty()) {
    KACHERY_TRY(now, survey_file(*open, file.path, file.digest.algorithm(), progress));
    if (now.digest != file.digest) return fail_changed();
    surveyed = std::move(now);
  }
  ChunkUpload chunks(zone_, surveyed, *open, connections, progress);
  Result<> sent = chunks.run();
  // It is not going to be the same any more; what else failed may go on later.
  if (!sent && sent.error().code == Code::corrupt && !chunks.id().empty())
    static_cast<void>(abandon({chunks.id()}, progress));
  return sent;
}

}  // namespace kachery
