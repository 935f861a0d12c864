#include "client/chunk_fetch.h"

#include <algorithm>
#include <numeric>
#include <thread>

#include "crypto/hasher.h"
#include "os/parallel.h"
#include "store/pump.h"
#include "wire/sizes.h"

namespace kachery {
namespace {

using remote::Reread;

// URLs that are asked for at a time: half a GiB of chunks, so that none gets old before its turn.
constexpr std::size_t kUrlsAtOnce = 64;

// A URL that expires sooner is not begun with.
constexpr std::int64_t kUrlLeftMsMin = 5'000;

// The user's cancel ends it; a failure of another chunk is for parallel_for to see.
Result<> hash_part(const File& file, ByteRange range, const Progress& progress, Hasher& hasher,
                   std::vector<std::byte>& piece) {
  piece.resize(kPieceBytes);
  while (range.size() > 0) {
    if (progress.cancel) return fail_cancelled();
    const auto part = std::span(piece).first(std::min<ByteCount>(piece.size(), range.size()));
    KACHERY_TRY(read_exactly(file, range.start, part));
    hasher.update(part);
    range.start += part.size();
  }
  return {};
}

// Whether another try, when the file is there, may have it: asking outlives a hub that is away for long.
bool may_come_later(Code code) {
  switch (code) {
    case Code::denied:
    case Code::not_found:
    case Code::corrupt:
    case Code::unavailable:
    case Code::timed_out:
      return true;
    default:
      return false;
  }
}

// A manifest, or a page of one, which has this name.
Result<std::string> fetch_text(const Zone& zone, const std::string& url, const Digest& name,
                               const std::atomic<bool>& cancel) {
  for (const Reread reread : {Reread::no, Reread::yes}) {
    KACHERY_TRY(text, zone.hub.get_text(url, cancel, reread));
    if (Hasher::of(Algorithm::sha256, as_bytes(text)) == name) return text;
  }
  return fail(Code::corrupt, "its list of chunks has other bytes than its name " + name.hex() + " says");
}

Result<std::string> fetch_page(const Zone& zone, const wire::FoundFile& file, const Digest& page,
                               const std::atomic<bool>& cancel) {
  KACHERY_TRY(answer,
              zone.hub.call(remote::kAskChunks, {zone.name, file.digest, {page}, zone.channel}, cancel));
  if (answer.urls.size() != 1 || !answer.urls.front())
    return fail(Code::corrupt, "a page of its manifest is missing");
  return fetch_text(zone, *answer.urls.front(), page, cancel);
}

}  // namespace

Result<FetchedManifest> fetch_manifest(const Zone& zone, const wire::FoundFile& file,
                                       const wire::ManifestOffer& offer, const std::atomic<bool>& cancel) {
  KACHERY_TRY(name, Digest::parse(Algorithm::sha256, offer.sha256));
  KACHERY_TRY(text, fetch_text(zone, offer.url, name, cancel));
  KACHERY_TRY(root, Manifest::parse(text));
  if (root.file != file.digest || root.size != file.size)
    return fail(Code::corrupt, "its manifest is of another file");
  FetchedManifest fetched{std::move(text), {}};
  for (const Manifest::Page& page : root.pages) {
    KACHERY_TRY(page_text, fetch_page(zone, file, page.sha256, cancel));
    KACHERY_TRY(parsed, ManifestPage::parse(page_text));
    ByteCount size = 0;
    for (const ChunkEntry& chunk : parsed.chunks) size += chunk.size;
    if (parsed.chunks.size() != page.chunks || size != page.size)
      return fail(Code::corrupt, "a page of its manifest does not fit");
    fetched.chunks.insert(fetched.chunks.end(), parsed.chunks.begin(), parsed.chunks.end());
  }
  return fetched;
}

std::optional<FetchedManifest> follow_manifest(const Zone& zone, const Digest& file, Arrivals& arrivals,
                                               const std::atomic<bool>& cancel) {
  FetchedManifest followed;
  for (std::uint64_t number = 0;; ++number) {
    const auto page = arrivals.take(number, cancel);
    const auto name = arrivals.manifest();
    if (!page || !name) return std::nullopt;
    const Result<std::string> text = fetch_text(zone, page->url, page->sha256, cancel);
    const auto parsed = text ? ManifestPage::parse(*text) : std::unexpected(text.error());
    if (!parsed) return std::nullopt;
    followed.chunks.insert(followed.chunks.end(), parsed->chunks.begin(), parsed->chunks.end());
    followed.text = make_manifest(file, followed.chunks).root.str();
    if (Hasher::of(Algorithm::sha256, as_bytes(followed.text)) == *name) return followed;
  }
}

ChunkFetch::ChunkFetch(const Zone& zone, const Digest& file, std::span<const ChunkEntry> chunks,
                       Partial& partial, Progress& progress)
    : zone_(zone),
      file_(file),
      chunks_(chunks),
      partial_(partial),
      progress_(progress),
      done_(chunks.size(), false) {
  ByteCount offset = 0;
  for (const ChunkEntry& chunk : chunks) offsets_.push_back(std::exchange(offset, offset + chunk.size));
}

Result<bool> ChunkFetch::is_right(std::size_t chunk) const {
  Hasher hasher(Algorithm::sha256);
  std::vector<std::byte> piece;
  const ByteRange range{offsets_[chunk], offsets_[chunk] + chunks_[chunk].size};
  Result<> hashed = hash_part(partial_.data(), range, progress_, hasher, piece);
  if (!hashed && hashed.error().code == Code::corrupt) return false;  // The file ends before.
  if (!hashed) return std::unexpected(std::move(hashed).error());
  return hasher.finish() == chunks_[chunk].sha256;
}

Result<std::vector<std::size_t>> ChunkFetch::wrong_ones(std::span<const std::size_t> among) const {
  std::vector<std::uint8_t> wrong(among.size(), 0);
  KACHERY_TRY(parallel_for(among.size(), processor_count(), [&](std::size_t i) -> Result<> {
    KACHERY_TRY(right, is_right(among[i]));
    wrong[i] = right ? 0 : 1;
    return {};
  }));
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < among.size(); ++i)
    if (wrong[i] != 0) result.push_back(among[i]);
  return result;
}

Result<Digest> ChunkFetch::run() {
  KACHERY_TRY(believe_noted());
  return hash_while([&] { return fetch_missing(); });
}

Result<Digest> ChunkFetch::run(Arrivals& arrivals) {
  KACHERY_TRY(believe_noted());
  return hash_while([&]() -> Result<> {
    KACHERY_TRY(fetch_arriving(arrivals));
    KACHERY_TRY(arrivals.outcome(progress_.cancel));
    return fetch_missing();
  });
}

// What was fetched before and is right need not be fetched again.
Result<> ChunkFetch::believe_noted() {
  std::vector<std::size_t> noted;
  for (std::size_t i = 0; i < chunks_.size(); ++i)
    if (partial_.has(i)) noted.push_back(i);
  KACHERY_TRY(wrong, wrong_ones(noted));
  for (const std::size_t chunk : noted) {
    if (std::ranges::binary_search(wrong, chunk)) continue;
    set_done(chunk);
    progress_.bytes_done += chunks_[chunk].size;
  }
  return {};
}

Result<Digest> ChunkFetch::hash_while(const std::function<Result<>()>& fetch) {
  Result<Digest> digest = fail(Code::internal, "");
  Result<> fetched;
  {
    const std::jthread hashing([&] { digest = hash_behind(); });
    fetched = fetch();
    if (!fetched) stop();
  }
  if (!fetched) return std::unexpected(std::move(fetched).error());
  return digest;
}

Result<std::optional<Digest>> ChunkFetch::mend() {
  std::vector<std::size_t> all(chunks_.size());
  std::iota(all.begin(), all.end(), 0);
  KACHERY_TRY(wrong, wrong_ones(all));
  if (wrong.empty()) return std::nullopt;
  for (const std::size_t chunk : wrong) progress_.bytes_done -= chunks_[chunk].size;
  KACHERY_TRY(fetch_all(std::move(wrong), Reread::yes));
  KACHERY_TRY(digest, hash_behind());
  return digest;
}

Result<> ChunkFetch::fetch_missing() {
  std::vector<std::size_t> missing;  // In their order: the hash of the whole waits for the first ones.
  for (std::size_t i = 0; i < chunks_.size(); ++i)
    if (!done_[i]) missing.push_back(i);
  return fetch_all(std::move(missing), Reread::no);
}

// A chunk that cannot be had yet is fetched when the file is there.
Result<> ChunkFetch::fetch_arriving(Arrivals& arrivals) {
  std::mutex mutex;
  std::multimap<Digest, std::size_t> places;  // Of what is missing, until a thread takes it.
  for (std::size_t i = 0; i < chunks_.size(); ++i)
    if (!done_[i]) places.emplace(chunks_[i].sha256, i);
  const auto take = [&](const Digest& sha256) {
    const std::scoped_lock lock(mutex);
    std::vector<std::size_t> taken;
    const auto [first, last] = places.equal_range(sha256);
    for (auto it = first; it != last; ++it) taken.push_back(it->second);
    places.erase(first, last);
    return taken;
  };
  const auto fetch = [&](const wire::ArrivedChunk& come) -> Result<> {
    for (const std::size_t chunk : take(come.sha256)) {
      Result<> fetched = fetch_from(come.url, chunk, Reread::no);
      if (!fetched && !may_come_later(fetched.error().code)) return fetched;
    }
    return {};
  };
  return parallel_for(kConnections, kConnections, [&](std::size_t) -> Result<> {
    while (const auto come = arrivals.next(progress_.cancel)) {
      Result<> fetched = fetch(*come);
      if (fetched) continue;
      arrivals.drop();
      return fetched;
    }
    return {};
  });
}

Result<> ChunkFetch::fetch_all(std::vector<std::size_t> chunks, Reread reread) {
  wanted_ = std::move(chunks);
  urls_.clear();
  return parallel_for(wanted_.size(), kConnections,
                      [&](std::size_t place) { return fetch_one(place, reread); });
}

// Each chunk has a second try, with a fresh URL: the first may have expired, or the bytes may have suffered.
Result<> ChunkFetch::fetch_one(std::size_t place, Reread reread) {
  for (const bool is_last : {false, true}) {
    KACHERY_TRY(url, url_of(place));
    Result<> fetched = fetch_from(url, wanted_[place], reread);
    if (fetched) break;
    const Code code = fetched.error().code;
    const bool may_help = code == Code::denied || (code == Code::corrupt && reread == Reread::no);
    if (is_last || !may_help) return fetched;
    if (code == Code::corrupt) reread = Reread::yes;
  }
  return {};
}

Result<> ChunkFetch::fetch_from(const std::string& url, std::size_t chunk, Reread reread) {
  ByteCount got = 0;
  const BodySink sink = [&](ByteView piece) -> Result<> {
    KACHERY_TRY(partial_.data().write_at(offsets_[chunk] + got, piece));
    got += piece.size();
    progress_.bytes_done += piece.size();
    return {};
  };
  Result<> fetched = zone_.hub.get(url, {0, chunks_[chunk].size}, sink, progress_.cancel, reread);
  if (!fetched) {
    progress_.bytes_done -= got;
    return fetched;
  }
  KACHERY_TRY(partial_.note(chunk));
  set_done(chunk);
  return {};
}

Result<std::string> ChunkFetch::url_of(std::size_t place) {
  const std::scoped_lock lock(urls_mutex_);
  if (zone_.hub.now_ms() + kUrlLeftMsMin > urls_expire_ms_) urls_.clear();
  if (const auto known = urls_.extract(place)) return known.mapped();
  const std::size_t count = std::min(kUrlsAtOnce, wanted_.size() - place);
  wire::AskChunks question{zone_.name, file_, {}, zone_.channel};
  for (std::size_t i = 0; i < count; ++i) question.chunks.push_back(chunks_[wanted_[place + i]].sha256);
  KACHERY_TRY(answer, zone_.hub.call(remote::kAskChunks, question, progress_.cancel));
  if (answer.urls.size() != count) return fail(Code::unavailable, "the hub gave too few URLs");
  urls_expire_ms_ = answer.expires_ms;
  for (std::size_t i = 1; i < count; ++i)
    if (answer.urls[i]) urls_.insert_or_assign(place + i, *std::move(answer.urls[i]));
  if (!answer.urls.front()) return fail(Code::not_found, "a chunk of it is not there any more");
  return *std::move(answer.urls.front());
}

// --- The hash of the whole, which the threads that fetch run ahead of

void ChunkFetch::set_done(std::size_t chunk) {
  const std::scoped_lock lock(mutex_);
  done_[chunk] = true;
  changed_.notify_all();
}

void ChunkFetch::stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

Result<Digest> ChunkFetch::hash_behind() {
  Hasher hasher(file_.algorithm());
  std::vector<std::byte> piece;
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopped_ || done_[i]; });
      if (stopped_) return fail_cancelled();
    }
    // Just written, so it comes from memory.
    KACHERY_TRY(
        hash_part(partial_.data(), {offsets_[i], offsets_[i] + chunks_[i].size}, progress_, hasher, piece));
  }
  return hasher.finish();
}

}  // namespace kachery
