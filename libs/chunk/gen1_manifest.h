// Gen1Manifest: the list of a large file's chunks, as kachery's first generation writes it behind ?manifest=.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/error.h"

namespace kachery {

// A file up to this size has no manifest; a chunk of a larger one has this size, but for the last.
constexpr ByteCount kGen1ChunkBytes = 20'000'000;

struct Gen1Manifest {
  ByteCount size;              // Of the file; more than kGen1ChunkBytes.
  Digest sha1;                 // Of the file.
  std::vector<Digest> chunks;  // The SHA-1 of each.

  // {"size":N,"sha1":H,"chunks":[{"start":0,"end":20000000,"sha1":C},...]}, compact, the members in this
  // order: its SHA-1 is the manifest's name, so every byte counts.
  std::string str() const;

  // Code::corrupt for anything else, also for chunks of other sizes or with gaps.
  static Result<Gen1Manifest> parse(std::string_view text);

  bool operator==(const Gen1Manifest&) const = default;
};

// How many chunks a file of `size` bytes has, and how long chunk `i` of them is.
std::size_t gen1_chunk_count(ByteCount size);
ByteCount gen1_chunk_size(ByteCount size, std::size_t i);

}  // namespace kachery
