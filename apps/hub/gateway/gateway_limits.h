// How much a stranger can make the gateway hold, or wait for. docs/guide/hub.md lists them.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/bytes.h"
#include "hub/operations/rates.h"

namespace kachery::hub {

// Up to this size a body is read, hashed and parsed on the network thread: half a millisecond at most.
constexpr ByteCount kInlineBytes = 64 << 10;
// Up to so many things an answer is put together there.
constexpr std::size_t kInlineThings = 64;

// How many files that were found are remembered: some MB.
constexpr std::size_t kFoundCacheMax = 20'000;

// Larger bodies are read so many at a time, so that all of them together stay under 100 MiB; the others wait.
constexpr std::size_t kLargeMessagesMax = 8;
constexpr std::size_t kSmallFilesBodiesMax = 8;
constexpr std::chrono::milliseconds kTurnWaitMax{30'000};
// A body that is held whole must have come after so long, and its bytes at this rate; else it keeps others
// from their turn.
constexpr std::chrono::milliseconds kWholeBodyWait{30'000};
constexpr std::int64_t kWholeBodyRateMin = 32 << 10;  // Bytes a second.
// Objects that are read whole before they are sent, because somebody got wrong bytes.
constexpr std::size_t kChecksMax = 2;

// The line before the bytes of many small files: 4,096 entries.
constexpr ByteCount kSmallFilesLineBytes = 512 << 10;

// What one download holds in memory; less if there are so many that it would be too much together.
constexpr std::size_t kPieceBytes = 512 << 10;
constexpr std::size_t kPieceBytesMin = 32 << 10;
constexpr std::size_t kPiecesBytesMax = 48 << 20;

// URLs of the bucket: long enough for the slowest of what they are for, as design asks.
constexpr std::int64_t kGetUrlSeconds = 3'600;
constexpr std::int64_t kPutUrlSeconds = 900;

// 256 pages of 4,096 chunks: 8 TiB in chunks of 8 MiB, and 60 MB of memory while it is committed.
constexpr std::size_t kManifestPagesMax = 256;

// A registration waits so long for somebody's approval; whoever waits with it hears of it so often.
constexpr std::int64_t kPendingMs = 900'000;
constexpr std::chrono::milliseconds kAwaitLineWait{15'000};
constexpr std::chrono::milliseconds kAwaitLookWait{2'000};

constexpr std::size_t kLabelBytesMax = 200;

// How often a code of a channel may be tried: a passcode of six letters holds for centuries.
constexpr Rate kNodeCodeRate{.per_second = 1.0 / 60, .burst = 10};
constexpr Rate kAddressCodeRate{.per_second = 10.0 / 60, .burst = 100};  // At an open hub keys cost nothing.

// Lines of the audit log about one address that asks too often.
constexpr Rate kBusyAddressLines{.per_second = 1.0 / 60, .burst = 1};

// A request that took longer is worth a line in the log.
constexpr std::chrono::milliseconds kSlowRequest{1'000};

// How old an answer of /readyz may be, so that asking costs nothing.
constexpr std::chrono::milliseconds kReadinessAge{1'000};

}  // namespace kachery::hub
