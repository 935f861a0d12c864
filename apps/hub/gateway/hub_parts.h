// The parts of a hub in a directory, without a network: for tests of the gateway.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>

#include "hub/gateway/gateway.h"

namespace kachery::hub {

class SetClock final : public Clock {
 public:
  std::int64_t now_ns() const override { return now_ms * 1'000'000; }
  std::atomic<std::int64_t> now_ms = 1'700'000'000'000;
};

// What a test may set before the hub is there.
struct HubChoices {
  bool open = false;
  Rate address_rate{1e9, 1e9};
  Rate zone_rate{1e9, 1e9};
};

// The hub, on a thread of its own.
struct HubParts {
  HubParts(const std::filesystem::path& directory, const HubChoices& choices, const Clock& clock)
      : settings{.directory = directory,
                 .listen = {"127.0.0.1", 0},
                 .public_urls = {Url::parse("http://127.0.0.1:8080").value()},
                 .trusted_proxies = {},
                 .open = choices.open,
                 .insecure_http = false,
                 .certificate = {},
                 .private_key = {}},
        root(open_directory(directory / "bucket", Missing::create).value()),
        catalog(Catalog::open(directory / "catalog.db").value()),
        urls(Secret(as_bytes("01234567890123456789012345678901")), settings.public_urls.front()),
        audit(AuditLog::open(directory / "audit", loop).value()),
        nonces(clock.now_ns() / 1'000'000'000 - 1'000),
        address_rates(choices.address_rate),
        zone_rates(choices.zone_rate),
        services{settings, loop,    clock,  *catalog,      facts,      bucket,     urls,  *audit,
                 usage,    metrics, nonces, address_rates, node_rates, zone_rates, tokens} {}

  HubSettings settings;
  Loop loop{2};
  std::unique_ptr<Directory> root;
  std::unique_ptr<Catalog> catalog;
  FactsKeeper facts{*catalog, loop};
  Bucket bucket{*root};
  BucketUrls urls;
  std::unique_ptr<AuditLog> audit;
  UsageCounter usage{*catalog, loop};
  Metrics metrics;
  Nonces nonces;
  Rates address_rates;
  Rates node_rates{{1e9, 1e9}};
  Rates zone_rates;
  Tokens tokens{Hasher::of(Algorithm::sha256, as_bytes("the administrator's")),
                Hasher::of(Algorithm::sha256, as_bytes("the one for metrics")),
                Hasher::of(Algorithm::sha256, as_bytes("the proxy's"))};
  Services services;
  Gateway gateway{services};
};

}  // namespace kachery::hub
