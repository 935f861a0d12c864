// What the tests of uploads share: a zone "lab" with users, and content as text.
#pragma once

#include "crypto/hasher.h"
#include "hub/catalog/catalog_fixture.h"

namespace kachery::hub {

inline Digest sha1_of(std::string_view content) {
  return Hasher::of(Algorithm::sha1, as_bytes(content));
}

inline Digest sha256_of(std::string_view content) {
  return Hasher::of(Algorithm::sha256, as_bytes(content));
}

inline SentChunk sent(std::string_view content) {
  return {sha256_of(content), sha1_of(content), content.size()};
}

inline ChunkEntry entry(std::string_view content) {
  return {sha256_of(content), content.size()};
}

// A file of one chunk.
inline UploadRequest whole(std::string_view content) {
  return {sha1_of(content), content.size(), std::nullopt, {entry(content)}};
}

// A file of several.
struct Large {
  std::vector<std::string> chunks;
  Digest digest;
  ManifestTexts texts;

  explicit Large(std::vector<std::string> parts, std::optional<Digest> name = {})
      : chunks(std::move(parts)), digest(name.value_or(sha1_of(joined()))), texts(manifest()) {}

  std::string joined() const {
    std::string all;
    for (const std::string& chunk : chunks) all += chunk;
    return all;
  }
  ManifestTexts manifest() const {
    std::vector<ChunkEntry> entries;
    for (const std::string& chunk : chunks) entries.push_back(entry(chunk));
    return make_manifest(digest, entries);
  }
  Digest name() const { return sha256_of(texts.root.str()); }
  // The bytes of everything that is sent: pages, then chunks.
  std::vector<std::string> pieces() const {
    std::vector<std::string> all;
    for (const ManifestPage& page : texts.pages) all.push_back(page.str());
    all.insert(all.end(), chunks.begin(), chunks.end());
    return all;
  }
  UploadRequest request() const {
    UploadRequest request{digest, texts.root.size, name(), {}};
    for (const std::string& piece : pieces()) request.chunks.push_back(entry(piece));
    return request;
  }
  Commit commit(const std::string& upload) const { return {upload, texts.root, texts.pages, Signature{}}; }
};

class UploadTest : public CatalogTest {
 protected:
  UploadTest() {
    unsigned char number = 0;
    for (const char* name : {"alice", "bob", "carol"})
      must(catalog_->people().add_node(node(++number), user(name), "", kNow));
    must(catalog_->zones().create_zone(zone("lab"), user("alice"), kNow));
  }

  Uploads& uploads() { return catalog_->uploads(); }
  Upkeep& upkeep() { return catalog_->upkeep(); }

  // Who may read the zone, and who may not.
  static Uploader alice() { return {zone("lab"), node(1), user("alice"), {.zone = true}}; }
  static Uploader bob() { return {zone("lab"), node(2), user("bob"), {}}; }
  static Uploader carol() { return {zone("lab"), node(3), user("carol"), {}}; }

  UploadState begin(const Uploader& uploader, const UploadRequest& request, std::int64_t now_ms = kNow) {
    return must(uploads().begin(uploader, {&request, 1}, now_ms)).at(0);
  }
  CommitState commit(const Uploader& uploader, const Commit& what, std::int64_t now_ms = kNow) {
    return must(uploads().commit(uploader, {&what, 1}, now_ms)).at(0);
  }
  CommitState add_small(const Uploader& uploader, std::string_view content) {
    const Collections before = must(uploads().collections());
    const SmallUpload small{sha1_of(content), sent(content)};
    return must(uploads().add_small(uploader, {&small, 1}, before, kNow)).at(0);
  }
  // All of it, with every chunk sent that is wanted. "stored", "present", or the code of the refusal.
  std::string store(const Uploader& uploader, const UploadRequest& request,
                    const std::vector<std::string>& pieces, const std::optional<Large>& large = {}) {
    const UploadState begun = begin(uploader, request);
    if (begun.what != UploadState::What::open) return word(begun);
    for (std::size_t i = 0; i < pieces.size(); ++i)
      if (!begun.here.at(i)) must(uploads().note_sent(begun.id, sent(pieces[i])));
    return word(commit(uploader, large ? large->commit(begun.id) : Commit{begun.id, {}, {}, {}}));
  }
  std::string store(const Uploader& uploader, std::string_view content) {
    return store(uploader, whole(content), {std::string(content)});
  }
  std::string store(const Uploader& uploader, const Large& large) {
    return store(uploader, large.request(), large.pieces(), large);
  }

  static std::string word(const UploadState& state) {
    if (state.refusal) return std::string(code_name(state.refusal->code));
    return state.what == UploadState::What::present ? "present" : "open";
  }
  static std::string word(const CommitState& state) {
    if (state.refusal) return std::string(code_name(state.refusal->code));
    return state.what == CommitState::What::present ? "present" : "stored";
  }

  std::optional<FileRecord> find(const Digest& digest, const Reader& reader = {.zone = true}) {
    return must(catalog_->files().find(zone("lab"), reader, {&digest, 1})).at(0);
  }
  bool remove(const Uploader& uploader, const Digest& digest) {
    return must(catalog_->files().remove(zone("lab"), {&digest, 1}, uploader.user)).at(0);
  }
  ByteCount bytes_of(const Uploader& uploader) {
    return must(catalog_->zones().quota_of(zone("lab"), uploader.user)).bytes;
  }
  std::uint64_t objects_of(const Uploader& uploader) {
    return must(catalog_->zones().quota_of(zone("lab"), uploader.user)).objects;
  }
  // All garbage there is, taken away.
  std::vector<Digest> collect() {
    const Garbage garbage = must(upkeep().collect(1'000));
    must(upkeep().collected(garbage));
    std::vector<Digest> chunks;
    for (const auto& [where, chunk] : garbage.chunks) chunks.push_back(chunk);
    for (const auto& lost : garbage.manifests) chunks.push_back(lost.manifest);
    return chunks;
  }
};

}  // namespace kachery::hub
