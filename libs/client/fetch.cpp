#include "client/fetch.h"

#include <algorithm>

#include "client/chunk_fetch.h"
#include "os/parallel.h"
#include "wire/sizes.h"

namespace kachery {
namespace {

using remote::Reread;

bool is_small(const wire::FoundFile& file) {
  return file.url && file.size <= wire::kSmallFileBytes;
}

std::unexpected<Error> fail_wrong_hash(const Digest& actual) {
  return fail(Code::corrupt, "what it sent has the hash " + actual.hex());
}

// Content that is fetched whole into memory, or a part of it that did not come.
Result<std::string> get_content(const Zone& zone, const wire::FoundFile& file, Reread reread,
                                Progress& progress) {
  std::string bytes;
  bytes.reserve(file.size);
  const BodySink sink = [&](ByteView piece) -> Result<> {
    bytes += as_text(piece);
    progress.bytes_done += piece.size();
    return {};
  };
  Result<> got = zone.hub.get(*file.url, {0, file.size}, sink, progress.cancel, reread);
  if (!got) {
    progress.bytes_done -= bytes.size();
    return std::unexpected(std::move(got).error());
  }
  return bytes;
}

// The same file, with a URL that has just been made.
Result<wire::FoundFile> find_again(const Zone& zone, const wire::FoundFile& file, const Progress& progress) {
  KACHERY_TRY(found, zone.find({&file.digest, 1}, progress.cancel));
  if (!found.front() || found.front()->size != file.size ||
      found.front()->url.has_value() != file.url.has_value())
    return fail(Code::not_found, "it is not there any more");
  return *std::move(found.front());
}

bool may_help(const Result<>& outcome) {
  return !outcome && (outcome.error().code == Code::denied || outcome.error().code == Code::corrupt);
}

}  // namespace

Result<> Fetcher::fetch(const wire::FoundFile& file, Progress& progress) const {
  progress.bytes_total += file.size;
  const auto name = [&](Result<> outcome) -> Result<> {
    if (outcome) return outcome;
    return fail(outcome.error().code, name_of(file.digest) + ": cannot be fetched from " + zone_.str() +
                                          ": " + outcome.error().message);
  };
  if (is_small(file)) return name(fetch_small(file, progress));

  KACHERY_TRY(partial, Partial::open(store_.root(), file.digest, progress));
  Progress unwatched;
  if (store_.open(file.digest, unwatched)) {  // Somebody else has fetched it while we waited.
    progress.bytes_done += file.size;
    return {};
  }
  if (Result<> fetched = fetch_into(*partial, file, progress); !fetched) {
    if (fetched.error().code == Code::exhausted) partial->discard();
    return name(std::move(fetched));
  }
  return name(store_.adopt(std::move(partial), {file.digest, file.size}));
}

Result<bool> Fetcher::fetch_arriving(const Digest& digest, Arrivals& arrivals, Progress& progress) const {
  const auto manifest = follow_manifest(zone_, digest, arrivals, progress.cancel);
  if (!manifest) {
    KACHERY_TRY(arrivals.outcome(progress.cancel));
    return false;
  }
  ByteCount size = 0;
  for (const ChunkEntry& chunk : manifest->chunks) size += chunk.size;
  progress.bytes_total += size;

  KACHERY_TRY(partial, Partial::open(store_.root(), digest, progress));
  Progress unwatched;
  if (store_.open(digest, unwatched)) {
    progress.bytes_done += size;
    return true;
  }
  KACHERY_TRY(partial->begin(manifest->text, manifest->chunks.size()));
  ChunkFetch chunks(zone_, digest, manifest->chunks, *partial, progress);
  const Result<Digest> actual = chunks.run(arrivals);
  // Our disk, not the provider's quota.
  const bool is_ours = arrivals.is_dropped() || arrivals.outcome(progress.cancel);
  if (!actual && is_ours && actual.error().code == Code::exhausted) partial->discard();
  if (!actual) return std::unexpected(actual.error());
  if (*actual != digest) return false;
  KACHERY_TRY(store_.adopt(std::move(partial), {digest, size}));
  return true;
}

Result<> Fetcher::fetch_small(const wire::FoundFile& file, Progress& progress) const {
  const auto fetch_once = [&](const wire::FoundFile& from, Reread reread) -> Result<> {
    KACHERY_TRY(bytes, get_content(zone_, from, reread, progress));
    const auto content = VerifiedContent::check(file.digest, as_bytes(bytes));
    Result<> kept = content ? store_.put_contents({&*content, 1}, Origin::fetched, progress)
                            : std::unexpected(content.error());
    if (!kept) progress.bytes_done -= bytes.size();
    return kept;
  };
  Result<> fetched = fetch_once(file, Reread::no);
  if (!may_help(fetched)) return fetched;
  KACHERY_TRY(again, find_again(zone_, file, progress));
  return fetch_once(again, Reread::yes);
}

Result<> Fetcher::fetch_into(Partial& partial, const wire::FoundFile& file, Progress& progress) const {
  if (!file.url) return fetch_chunks(partial, file, progress);
  Result<> fetched = fetch_one_chunk(partial, file, Reread::no, progress);
  if (!may_help(fetched)) return fetched;
  KACHERY_TRY(again, find_again(zone_, file, progress));
  return fetch_one_chunk(partial, again, Reread::yes, progress);
}

// What came before is as much as the data is long; the rest is asked for.
Result<> Fetcher::fetch_one_chunk(Partial& partial, const wire::FoundFile& file, Reread reread,
                                  Progress& progress) const {
  const std::string chunk = file.sha256 ? file.sha256->hex() : std::string();
  KACHERY_TRY(partial.begin("sha256:" + chunk, 1));
  KACHERY_TRY(stamp, partial.data().stamp());
  if (stamp.size > file.size) KACHERY_TRY(partial.begin_anew("sha256:" + chunk, 1));
  ByteCount got = stamp.size > file.size ? 0 : stamp.size;

  Hasher hasher(file.digest.algorithm());
  std::vector<std::byte> before(got);  // Less than a chunk.
  KACHERY_TRY(read_exactly(partial.data(), 0, before));
  hasher.update(before);
  progress.bytes_done += got;
  const BodySink sink = [&](ByteView piece) -> Result<> {
    KACHERY_TRY(partial.data().write_at(got, piece));
    hasher.update(piece);
    got += piece.size();
    progress.bytes_done += piece.size();
    return {};
  };
  Result<> fetched;
  if (got < file.size) fetched = zone_.hub.get(*file.url, {got, file.size}, sink, progress.cancel, reread);
  const Digest actual = hasher.finish();
  if (fetched && actual == file.digest) return {};
  progress.bytes_done -= got;
  if (!fetched && fetched.error().code != Code::corrupt) return fetched;
  KACHERY_TRY(partial.begin_anew("sha256:" + chunk, 1));
  return fetched ? fail_wrong_hash(actual) : fetched;
}

Result<> Fetcher::fetch_chunks(Partial& partial, const wire::FoundFile& file, Progress& progress) const {
  // What an earlier fetch has gone by comes first: some of its chunks are here.
  const std::string known = Hasher::of(Algorithm::sha256, as_bytes(partial.manifest())).hex();
  std::vector<wire::ManifestOffer> offers = file.manifests;
  const auto first = std::ranges::find(offers, known, &wire::ManifestOffer::sha256);
  if (first != offers.end()) std::rotate(offers.begin(), first, first + 1);

  Error failure{Code::corrupt, "it offers no way to have it"};
  for (const wire::ManifestOffer& offer : offers) {
    const ByteCount done = progress.bytes_done;
    const auto fetch_by = [&]() -> Result<> {
      KACHERY_TRY(manifest, fetch_manifest(zone_, file, offer, progress.cancel));
      KACHERY_TRY(partial.begin(manifest.text, manifest.chunks.size()));
      ChunkFetch chunks(zone_, file.digest, manifest.chunks, partial, progress);
      KACHERY_TRY(digest, chunks.run());
      if (digest == file.digest) return {};
      KACHERY_TRY(mended, chunks.mend());
      if (mended == file.digest) return {};
      partial.discard();
      return mended ? fail_wrong_hash(*mended)
                    : fail(Code::corrupt,
                           "its list of chunks is of other content, with the hash " + digest.hex());
    };
    Result<> fetched = fetch_by();
    if (fetched) return fetched;
    failure = {
        fetched.error().code,
        fetched.error().message + " (by a list of chunks that " +
            (offer.attested_by == "hub" ? "the hub has checked" : "node " + offer.attested_by + " attests") +
            ")"};
    if (failure.code != Code::corrupt) break;
    progress.bytes_done = done;
  }
  return std::unexpected(std::move(failure));
}

// --- Many

Result<> Fetcher::fetch_many(std::span<const wire::FoundFile> files, Progress& progress) const {
  std::vector<wire::FoundFile> small;
  std::vector<const wire::FoundFile*> single;
  std::vector<const wire::FoundFile*> large;
  for (const wire::FoundFile& file : files) {
    if (is_small(file)) {
      small.push_back(file);
      progress.bytes_total += file.size;
    } else {
      (file.url ? single : large).push_back(&file);
    }
  }
  Failures failures;
  const auto batches =
      batches_of<wire::FoundFile>(small, [](const wire::FoundFile& file) { return file.size; });
  KACHERY_TRY(parallel_for(batches.size(), kBatchesAtOnce,
                           [&](std::size_t i) { return fetch_batch(batches[i], failures, progress); }));
  const auto fetch_one = [&](const wire::FoundFile& file) -> Result<> {
    KACHERY_TRY(failures.take(name_of(file.digest), fetch(file, progress)));
    ++progress.items_done;
    return {};
  };
  KACHERY_TRY(
      parallel_for(single.size(), kConnections, [&](std::size_t i) { return fetch_one(*single[i]); }));
  for (const wire::FoundFile* file : large) KACHERY_TRY(fetch_one(*file));
  return failures.result(files.size());
}

Result<> Fetcher::fetch_batch(std::span<const wire::FoundFile> files, Failures& failures,
                              Progress& progress) const {
  wire::GetSmall question{zone_.name, {}, zone_.channel};
  for (const wire::FoundFile& file : files) question.digests.push_back(file.digest);
  KACHERY_TRY(answer, zone_.hub.get_small(question, progress.cancel));
  std::vector<VerifiedContent> contents;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& bytes = answer[i].content;
    const auto content = bytes ? VerifiedContent::check(files[i].digest, as_bytes(*bytes))
                               : Result<VerifiedContent>(fail(Code::not_found, ""));
    if (content) {
      contents.push_back(*content);
      progress.bytes_done += bytes->size();
    } else {
      KACHERY_TRY(failures.take(name_of(files[i].digest), fetch_small(files[i], progress)));
    }
  }
  KACHERY_TRY(store_.put_contents(contents, Origin::fetched, progress));
  progress.items_done += files.size();
  return {};
}

}  // namespace kachery
