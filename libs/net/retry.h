// Retry: when to try again, and how long to wait before. Exponential back-off with full jitter.
#pragma once

#include <chrono>
#include <optional>

#include "net/client.h"

namespace kachery {

struct RetryPolicy {
  int tries_max = 6;
  std::chrono::milliseconds first{200};
  std::chrono::milliseconds longest{10'000};
  // A server that has answered is waited for as long as this after its last answer, however often that is
  // tried: it may be starting again.
  std::chrono::milliseconds patience{60'000};
};

// What to do after try number `tried` (from 1) had this outcome: wait so long and try again, or nothing: give
// up, or it was a success. Tried again are broken connections (Code::unavailable) and 408, 425, 429, 500,
// 502, 503, 504; ask only where the request may be sent twice, and sign it anew. Retry-After is obeyed, as
// seconds or as a date, up to 60 s. `patience` is the caller's to keep.
std::optional<std::chrono::milliseconds> wait_before_retry(const RetryPolicy& policy, int tried,
                                                           const Result<ClientResponse>& outcome);

// Whether the server seems to be away: a broken connection, or 502, 503, 504.
bool is_away(const Result<ClientResponse>& outcome);

// Sleeps, in short steps. False if `cancel` was set.
bool sleep_unless(const std::atomic<bool>& cancel, std::chrono::milliseconds time);

}  // namespace kachery
