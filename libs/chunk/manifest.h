// Manifest: the list of a large file's chunks, each named by its SHA-256, in pages.
// docs/formats/manifests.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/error.h"

namespace kachery {

struct ChunkEntry {
  Digest sha256;
  ByteCount size;  // From 1 to kManifestChunkBytesMax.
  bool operator==(const ChunkEntry&) const = default;
};

constexpr std::size_t kManifestPageEntries = 4'096;
constexpr ByteCount kManifestChunkBytesMax = 16 << 20;

// A page: from 1 to kManifestPageEntries consecutive chunks; all pages but the last one are full. Its text is
// kept like a chunk, under its SHA-256.
struct ManifestPage {
  std::vector<ChunkEntry> chunks;

  // One line for each chunk: 64 digits, a space, its size in decimal, a newline.
  std::string str() const;
  // Code::corrupt for anything else.
  static Result<ManifestPage> parse(std::string_view text);
};

// The root: what file it is, and where its pages are, of which there is at least one. The SHA-256 of its text
// is the manifest's name.
struct Manifest {
  struct Page {
    Digest sha256;         // Of the page's text.
    std::uint64_t chunks;  // How many.
    ByteCount size;        // Of the content that they cover.
    bool operator==(const Page&) const = default;
  };
  Digest file;  // SHA-1 or SHA-256 of the content.
  ByteCount size;
  std::vector<Page> pages;

  // {"kachery":"manifest 1","digest":"sha1:H","size":N,"pages":[{"sha256":H,"chunks":N,"size":N},...]},
  // compact, the members in this order.
  std::string str() const;
  // Code::corrupt for anything else, also if the numbers do not fit together.
  static Result<Manifest> parse(std::string_view text);

  bool operator==(const Manifest&) const = default;
};

// A page that was fetched: Code::corrupt unless it is exactly the one that the root names, with as many
// chunks and bytes as it says.
Result<ManifestPage> parse_page(const Manifest::Page& expected, std::string_view text);

struct ManifestTexts {
  Manifest root;
  std::vector<ManifestPage> pages;
};

// The manifest of a file of these chunks, of which there is at least one.
ManifestTexts make_manifest(const Digest& file, std::span<const ChunkEntry> chunks);

// What a node signs when it says that the manifest is that of the file: ed25519 over these bytes.
// "kachery claim 1\n<sha1:H>\n<size>\n<manifest's SHA-256>\n"
std::string claim_text(const Digest& file, ByteCount size, const Digest& manifest);

}  // namespace kachery
