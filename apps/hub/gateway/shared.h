// Shared: what the handlers of one gateway work with; Call: one request that may be answered.
#pragma once

#include "hub/gateway/admission.h"
#include "hub/gateway/found_cache.h"
#include "hub/gateway/gateway_limits.h"
#include "hub/gateway/turns.h"
#include "hub/legacy/secret_gate.h"
#include "hub/rendezvous/rendezvous.h"
#include "hub/services.h"

namespace kachery::hub {

// Whether the hub can serve, as it was found last.
struct Readiness {
  std::int64_t at_ms = 0;
  std::optional<Error> why_not = {};
};

// How large a file of a zone is that this reader may have; none: there is none. The services outlive the
// call.
Task<Result<std::optional<ByteCount>>> find_size(Services& services, ZoneName zone, Reader reader,
                                                 Digest digest);

// Network thread only. Belongs to the gateway, and outlives every handler and every body it made.
struct Shared {
  explicit Shared(const Services& all);

  Services services;
  Admission admission{services};
  Turns large_messages{services.loop, kLargeMessagesMax};
  Turns small_files_bodies{services.loop, kSmallFilesBodiesMax};
  Turns checks{services.loop, kChecksMax};
  Signal node_registered{services.loop};
  Signal claim_made{services.loop};    // There is a claim to check.
  Signal garbage_made{services.loop};  // Much of what lies in the bucket belongs to nobody any more.
  FoundCache found{kFoundCacheMax};
  Rendezvous rendezvous;
  SecretGate proxy_secret{services.loop, services.clock, services.tokens.proxy};
  std::size_t downloads = 0;  // That are being sent.
  Readiness readiness = {};
};

// What a handler is called with, beside its message. All of it belongs to the dispatcher, until the handler
// has returned: the body of an answer, which lives longer, keeps copies.
struct Call {
  Shared& shared;
  const Permit& permit;
  const RequestHead& head;
  std::int64_t now_ms;

  Services& services() const { return shared.services; }
};

}  // namespace kachery::hub
