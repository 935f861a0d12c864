// The pump: bytes are read once, and hashed and kept as they pass.
#pragma once

#include <functional>
#include <memory>

#include "core/digest.h"
#include "core/progress.h"
#include "os/file.h"

namespace kachery {

// The unit of reading, hashing and writing. Four of them are in flight: 4 MiB, whatever the file's size.
constexpr std::size_t kPieceBytes = 1 << 20;

struct Pumped {
  Digest digest;
  ByteCount size;
};

// Takes the pieces in order; a failure ends the pump.
using Sink = std::function<Result<>(ByteView)>;

// Hashes everything in `source` and, where there is a `sink`, gives it that too. Reading and the sink go on
// in a thread of their own while this one hashes; a source of one piece or less needs none. Code::cancelled
// if `progress` says so.
Result<Pumped> pump(ByteSource& source, Algorithm algorithm, Progress& progress, const Sink& sink = nullptr);

// The digest of bytes in memory, counted and cancelled in the same way.
Result<Digest> hash_bytes(ByteView bytes, Algorithm algorithm, Progress& progress);

std::unexpected<Error> fail_cancelled();

}  // namespace kachery
