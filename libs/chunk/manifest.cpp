#include "chunk/manifest.h"

#include <algorithm>
#include <charconv>

#include "crypto/hasher.h"
#include "json/json.h"

namespace kachery {
namespace {

constexpr std::string_view kForm = "manifest 1";
constexpr std::size_t kHexSize = 64;

std::unexpected<Error> damaged(std::string_view why) {
  return fail(Code::corrupt, "damaged manifest: " + std::string(why));
}

std::string digest_text(const Digest& digest) {
  return std::string(algorithm_name(digest.algorithm())) + ":" + digest.hex();
}

Result<Digest> parse_digest_text(const json::Value* value) {
  const std::string* text = value == nullptr ? nullptr : value->if_string();
  if (text == nullptr) return damaged("it does not say of which file it is");
  const std::size_t colon = std::min(text->find(':'), text->size());
  const auto algorithm = algorithm_named(std::string_view(*text).substr(0, colon));
  if (!algorithm || colon == text->size()) return damaged("its file's digest is neither sha1: nor sha256:");
  return Digest::parse(*algorithm, std::string_view(*text).substr(colon + 1));
}

Result<std::uint64_t> number_member(const json::Value& object, const char* name) {
  const json::Value* value = object.find(name);
  const auto number = value == nullptr ? std::nullopt : value->as_uint64();
  if (!number) return damaged(std::string(name) + " is not there, or no number");
  return *number;
}

Result<Manifest::Page> parse_page_entry(const json::Value& value) {
  const json::Value* name = value.find("sha256");
  if (name == nullptr || name->if_string() == nullptr) return damaged("a page has no SHA-256");
  KACHERY_TRY(sha256, Digest::parse(Algorithm::sha256, *name->if_string()));
  KACHERY_TRY(chunks, number_member(value, "chunks"));
  KACHERY_TRY(size, number_member(value, "size"));
  return Manifest::Page{sha256, chunks, size};
}

// What can be true of a list of chunks: full pages, and each chunk of a possible size.
bool numbers_fit(const Manifest& manifest) {
  ByteCount total = 0;
  for (std::size_t i = 0; i < manifest.pages.size(); ++i) {
    const Manifest::Page& page = manifest.pages[i];
    const bool is_last = i + 1 == manifest.pages.size();
    if (page.chunks == 0 || page.chunks > kManifestPageEntries) return false;
    if (!is_last && page.chunks != kManifestPageEntries) return false;
    if (page.size < page.chunks || page.size > page.chunks * kManifestChunkBytesMax) return false;
    total += page.size;
  }
  return !manifest.pages.empty() && total == manifest.size;
}

Result<Manifest> read_root(std::string_view text) {
  KACHERY_TRY(value, json::parse(text));
  const json::Value* form = value.find("kachery");
  if (form == nullptr || form->if_string() == nullptr || *form->if_string() != kForm)
    return damaged("it does not begin with \"kachery\":\"manifest 1\"");
  KACHERY_TRY(file, parse_digest_text(value.find("digest")));
  KACHERY_TRY(size, number_member(value, "size"));
  const json::Value* pages = value.find("pages");
  if (pages == nullptr || pages->if_array() == nullptr) return damaged("it has no pages");
  Manifest manifest{file, size, {}};
  for (const json::Value& entry : *pages->if_array()) {
    KACHERY_TRY(page, parse_page_entry(entry));
    manifest.pages.push_back(page);
  }
  return manifest;
}

Result<ChunkEntry> parse_line(std::string_view line) {
  if (line.size() < kHexSize + 2 || line[kHexSize] != ' ')
    return damaged("a line of a page has another form");
  KACHERY_TRY(sha256, Digest::parse(Algorithm::sha256, line.substr(0, kHexSize)));
  const std::string_view digits = line.substr(kHexSize + 1);
  ByteCount size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  // A leading zero would be a second form of the same number.
  if (error != std::errc() || end != digits.data() + digits.size() || digits.front() == '0' ||
      size > kManifestChunkBytesMax)
    return damaged("a chunk's size is not a number from 1 to 16 MiB");
  return ChunkEntry{sha256, size};
}

ByteCount total_size(std::span<const ChunkEntry> chunks) {
  ByteCount total = 0;
  for (const ChunkEntry& chunk : chunks) total += chunk.size;
  return total;
}

}  // namespace

std::string ManifestPage::str() const {
  std::string text;
  for (const ChunkEntry& chunk : chunks) text += chunk.sha256.hex() + " " + std::to_string(chunk.size) + "\n";
  return text;
}

Result<ManifestPage> ManifestPage::parse(std::string_view text) {
  ManifestPage page;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return damaged("the last line of a page does not end");
    if (page.chunks.size() == kManifestPageEntries) return damaged("a page has more than 4096 chunks");
    Result<ChunkEntry> chunk = parse_line(text.substr(0, end));
    if (!chunk) return fail(Code::corrupt, std::move(chunk).error().message);
    page.chunks.push_back(*chunk);
    text.remove_prefix(end + 1);
  }
  if (page.chunks.empty()) return damaged("a page is empty");
  return page;
}

std::string Manifest::str() const {
  json::Array list;
  for (const Page& page : pages)
    list.emplace_back(
        json::Object{{"sha256", page.sha256.hex()}, {"chunks", page.chunks}, {"size", page.size}});
  return json::Value(json::Object{{"kachery", kForm},
                                  {"digest", digest_text(file)},
                                  {"size", size},
                                  {"pages", std::move(list)}})
      .str();
}

Result<Manifest> Manifest::parse(std::string_view text) {
  Result<Manifest> manifest = read_root(text);
  if (!manifest) return fail(Code::corrupt, std::move(manifest).error().message);
  if (!numbers_fit(*manifest)) return damaged("its numbers do not fit together");
  // It is known by its hash, so a second text of the same meaning would be a second manifest.
  if (manifest->str() != text) return damaged("it is written in another form than the one that counts");
  return manifest;
}

Result<ManifestPage> parse_page(const Manifest::Page& expected, std::string_view text) {
  if (Hasher::of(Algorithm::sha256, as_bytes(text)) != expected.sha256)
    return damaged("a page is not the one that the manifest names (" + expected.sha256.hex() + ")");
  KACHERY_TRY(page, ManifestPage::parse(text));
  if (page.chunks.size() != expected.chunks || total_size(page.chunks) != expected.size)
    return damaged("the page " + expected.sha256.hex() + " has other chunks than the manifest says");
  return page;
}

ManifestTexts make_manifest(const Digest& file, std::span<const ChunkEntry> chunks) {
  KACHERY_ASSERT(!chunks.empty());
  ManifestTexts texts{{file, total_size(chunks), {}}, {}};
  while (!chunks.empty()) {
    const auto part = chunks.first(std::min(chunks.size(), kManifestPageEntries));
    chunks = chunks.subspan(part.size());
    ManifestPage page{{part.begin(), part.end()}};
    const Digest name = Hasher::of(Algorithm::sha256, as_bytes(page.str()));
    texts.root.pages.push_back({name, part.size(), total_size(part)});
    texts.pages.push_back(std::move(page));
  }
  return texts;
}

std::string claim_text(const Digest& file, ByteCount size, const Digest& manifest) {
  KACHERY_ASSERT(manifest.algorithm() == Algorithm::sha256);
  return "kachery claim 1\n" + digest_text(file) + "\n" + std::to_string(size) + "\n" + manifest.hex() + "\n";
}

}  // namespace kachery
