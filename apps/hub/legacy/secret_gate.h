// SecretGate: whether daemons of gen2 know the proxy's secret, and that nobody finds it by trying.
#pragma once

#include "core/secret.h"
#include "crypto/hasher.h"
#include "hub/operations/rates.h"
#include "net/loop.h"
#include "os/clock.h"

namespace kachery::hub {

// Network thread only. Loop and clock outlive it.
class SecretGate {
 public:
  // `hash`: the SHA-256 of the secret.
  SecretGate(Loop& loop, const Clock& clock, Digest hash) : loop_(loop), clock_(clock), hash_(hash) {}

  // Code::denied. Five wrong ones a minute are looked at from one address; then nothing that comes from there
  // is, for as long, and the answer takes its time. `given` belongs to the caller, who waits.
  Task<Result<>> check(std::string peer, const Secret& given);

 private:
  Loop& loop_;
  const Clock& clock_;
  const Digest hash_;
  Rates failures_{{.per_second = 5.0 / 60, .burst = 5}};
};

}  // namespace kachery::hub
