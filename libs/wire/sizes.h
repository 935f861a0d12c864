// How much one message may carry. Both sides keep to it.
#pragma once

#include "core/bytes.h"

namespace kachery::wire {

constexpr std::size_t kFindMax = 10'000;  // A question of 500 KB, an answer of a few MB.
constexpr std::size_t kUploadFilesMax = 1'000;
constexpr std::size_t kChunksMax = 4'096;  // A page of a manifest.
constexpr std::size_t kArrivalsMax = 64;   // Of one line: 30 KB with their URLs.
constexpr std::size_t kSmallFilesMax = 4'096;
constexpr std::size_t kListMax = 1'000;  // Files of one answer to ListFiles.

// What goes many at a time in one body; a larger file is worth a request of its own.
constexpr ByteCount kSmallFileBytes = 1 << 20;
constexpr ByteCount kSmallBodyBytes =
    8 << 20;  // Of all files of a PutSmall together: held in memory until checked.

// A file up to this size is one chunk, and no chunk is larger.
constexpr ByteCount kChunkBytesMax = 16 << 20;
// A larger file is cut into pieces of this size, for now.
constexpr ByteCount kFixedChunkBytes = 8 << 20;

constexpr ByteCount kJsonBodyBytes = 4 << 20;  // A find of 10,000, a page of chunks.

}  // namespace kachery::wire
