// What handlers work with: the parts of a hub, each made and owned by Hub (hub.h).
#pragma once

#include "bucket/bucket.h"
#include "bucket/urls.h"
#include "hub/catalog/catalog.h"
#include "hub/operations/audit.h"
#include "hub/operations/facts_keeper.h"
#include "hub/operations/metrics.h"
#include "hub/operations/nonces.h"
#include "hub/operations/rates.h"
#include "hub/operations/usage_counter.h"
#include "hub/settings.h"
#include "net/loop.h"
#include "os/clock.h"

namespace kachery::hub {

// The tokens of the hub's directory: only their SHA-256 is compared, in constant time.
struct Tokens {
  Digest administrator;
  Digest metrics;
  Digest proxy;  // The older proxy's secret, which daemons of gen2 know.
};

// References to what outlives every handler. Network thread only; what blocks goes to the pool by
// loop.offload().
struct Services {
  const HubSettings& settings;
  Loop& loop;
  const Clock& clock;
  Catalog& catalog;
  FactsKeeper& facts;
  Bucket& bucket;
  BucketUrls& urls;
  AuditLog& audit;
  UsageCounter& usage;
  Metrics& metrics;
  Nonces& nonces;
  Rates& address_rates;  // By the address of whoever asks.
  Rates& node_rates;     // By the key that signed.
  Rates& zone_rates;     // By the zone.
  const Tokens& tokens;
};

}  // namespace kachery::hub
