#include "hub/hub.h"

#include <fmt/format.h>

#include <optional>
#include <thread>

#include "crypto/certificate.h"
#include "hub/addresses.h"
#include "hub/gateway/gateway.h"
#include "hub/hub_directory.h"
#include "hub/hub_limits.h"
#include "hub/operations/log.h"
#include "os/process.h"

namespace kachery::hub {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

std::int64_t now_s() {
  return system_clock().now_ns() / kNsPerSecond;
}

// What was signed up to the second of the start is not taken (nonces.h); where there was a hub before, nobody
// is to meet that who signs now.
std::int64_t begin_new_second(bool is_new) {
  if (is_new) return now_s() - 1;
  const std::int64_t second = now_s();
  while (now_s() == second) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return second;
}

// The zone `default` and its owner, where they are missing.
Result<> make_default_zone(Catalog& catalog, bool open) {
  const ZoneName zone = ZoneName::parse("default").value();
  const UserName owner = UserName::parse("admin").value();
  KACHERY_TRY(facts, catalog.facts());
  if (facts.zones.contains(zone)) return {};
  const std::int64_t now_ms = system_clock().now_ns() / 1'000'000;
  auto user = catalog.people().create_user(owner, now_ms);
  if (!user && user.error().code != Code::exists) return user;
  KACHERY_TRY(catalog.zones().create_zone(zone, owner, now_ms));
  if (!open) return {};
  return catalog.zones().set_settings(zone, {.public_upload = true, .public_download = true});
}

}  // namespace

// In the order in which they are made: what comes later uses what comes before.
struct Hub::Parts {
  Parts(HubSettings asked, HubDirectory opened, Tokens known)
      : settings(std::move(asked)), directory(std::move(opened)), tokens(known) {}

  Services services() {
    return {settings, loop,    system_clock(), *catalog,      *facts,     *bucket,    *urls, *audit,
            *usage,   metrics, *nonces,        address_rates, node_rates, zone_rates, tokens};
  }

  Result<> open_data();
  Result<> listen();
  Result<std::shared_ptr<const TlsIdentity>> identity(Transport transport);

  Task<> serve_until(const std::atomic<bool>& stop);
  Task<> keep_facts_fresh();
  Task<> keep_counts();

  HubSettings settings;
  HubDirectory directory;
  Tokens tokens;
  Loop loop{kPoolThreads};
  Metrics metrics;
  Rates address_rates{kAddressRate};
  Rates node_rates{kNodeRate};
  Rates zone_rates{kZoneRate};
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<Directory> bucket_root;
  std::unique_ptr<Bucket> bucket;
  std::unique_ptr<AuditLog> audit;
  std::optional<FactsKeeper> facts;
  std::optional<UsageCounter> usage;
  std::optional<BucketUrls> urls;
  std::optional<Nonces> nonces;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<Server> server;
  std::string address;
  Result<> outcome;  // Of the end.
};

Result<> Hub::Parts::open_data() {
  KACHERY_TRY(opened, Catalog::open(directory.path("catalog.db")));
  catalog = std::move(opened);
  KACHERY_TRY(make_default_zone(*catalog, settings.open));
  KACHERY_TRY(make_own_directory(directory.path("bucket"), Audience::writers));
  KACHERY_TRY(root, open_directory(directory.path("bucket"), Missing::fail));
  bucket_root = std::move(root);
  bucket = std::make_unique<Bucket>(*bucket_root);
  KACHERY_TRY(bucket->clear_temporaries());
  KACHERY_TRY(log, AuditLog::open(directory.path("audit"), loop));
  audit = std::move(log);
  facts.emplace(*catalog, loop);
  KACHERY_TRY(facts->load());
  usage.emplace(*catalog, loop);
  return {};
}

Result<std::shared_ptr<const TlsIdentity>> Hub::Parts::identity(Transport transport) {
  if (transport == Transport::plain) return nullptr;
  if (transport == Transport::certificate_files) {
    KACHERY_TRY(read, read_certificate(*settings.certificate, *settings.private_key));
    return std::make_shared<const TlsIdentity>(std::move(read));
  }
  const Listen any_port{settings.listen.host, 1};
  KACHERY_TRY(urls_by_default, default_public_urls(any_port, true));
  KACHERY_TRY(kept, directory.own_certificate(certificate_hosts(
                        settings.public_urls.empty() ? urls_by_default : settings.public_urls)));
  return std::make_shared<const TlsIdentity>(std::move(kept));
}

// Connections wait in the system's queue until the loop runs.
Result<> Hub::Parts::listen() {
  KACHERY_TRY(transport, transport_of(settings));
  KACHERY_TRY(tls, identity(transport));
  std::optional<std::string> fingerprint;
  if (tls) {
    KACHERY_TRY(found, certificate_fingerprint(tls->certificate_chain));
    fingerprint = std::move(found);
  }
  server = std::make_unique<Server>(ServerParts{
      .loop = loop,
      .limits = server_limits(raise_open_files_limit()),
      .trusted_proxies = settings.trusted_proxies,
      .handle = [this](Request& request) { return gateway->handle(request); },
      .on_malformed = [this](int status, const std::string& request_id,
                             const std::string& why) { return gateway->malformed(status, request_id, why); },
      .on_refused = [this](const std::string&, const Error&) { metrics.refused_connection(); }});
  KACHERY_TRY(port, server->listen(settings.listen.host, settings.listen.port, tls));
  settings.listen.port = port;

  if (settings.public_urls.empty()) {
    KACHERY_TRY(found, default_public_urls(settings.listen, tls != nullptr));
    settings.public_urls = std::move(found);
  }
  KACHERY_TRY(local, local_url(settings.listen, tls != nullptr));
  local.pin = fingerprint;
  KACHERY_TRY(directory.note_address(local.pinned()));
  Url told = settings.public_urls.front();
  if (transport == Transport::self_signed && told.secure) told.pin = std::move(fingerprint);
  address = told.pinned();
  return {};
}

Result<std::unique_ptr<Hub>> Hub::start(HubSettings settings) {
  KACHERY_TRY(transport_of(settings));
  KACHERY_TRY(directory, HubDirectory::open(settings.directory));
  KACHERY_TRY(url_key, directory.url_key());
  const bool is_new = directory.is_new();
  KACHERY_TRY(tokens, directory.tokens());
  auto parts = std::make_unique<Parts>(std::move(settings), std::move(directory), tokens);
  KACHERY_TRY(parts->open_data());
  parts->nonces.emplace(begin_new_second(is_new));
  KACHERY_TRY(parts->listen());
  parts->urls.emplace(std::move(url_key), parts->settings.public_urls.front());
  parts->gateway = std::make_unique<Gateway>(parts->services());
  return std::unique_ptr<Hub>(new Hub(std::move(parts)));
}

Hub::Hub(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Hub::~Hub() = default;

const std::string& Hub::address() const {
  return parts_->address;
}

std::uint16_t Hub::port() const {
  return parts_->settings.listen.port;
}

Result<> Hub::run(const std::atomic<bool>& stop) {
  log(Severity::info, "hub started",
      {{"version", KACHERY_VERSION},
       {"directory", parts_->settings.directory.native()},
       {"address", parts_->address},
       {"open", parts_->settings.open}});
  parts_->gateway->start_upkeep();
  parts_->loop.spawn(parts_->keep_facts_fresh());
  parts_->loop.spawn(parts_->keep_counts());
  parts_->loop.spawn(parts_->serve_until(stop));
  parts_->loop.run();
  log(Severity::info, "hub stopped", {});
  return parts_->outcome;
}

Task<> Hub::Parts::serve_until(const std::atomic<bool>& stop) {
  while (!stop) co_await loop.sleep(kStopEvery);
  log(Severity::info, "hub stops", {{"connections", server->connections()}});
  gateway->stop();
  co_await server->drain(kDrainWait);
  Result<> counted = co_await usage->flush();
  Result<> written = co_await audit->flush();
  outcome = counted ? written : counted;
  loop.stop();
}

// What other processes change, too, counts within seconds.
Task<> Hub::Parts::keep_facts_fresh() {
  for (;;) {
    co_await loop.sleep(kFactsEvery);
    Result<> read = co_await facts->refresh();
    if (!read) log(Severity::error, "catalog cannot be read", {{"why", read.error().message}});
  }
}

Task<> Hub::Parts::keep_counts() {
  std::uint64_t lost = 0;
  for (;;) {
    co_await loop.sleep(kUsageEvery);
    metrics.set_connections(server->connections());
    metrics.lost_audit_entries(audit->lost() - std::exchange(lost, audit->lost()));
    Result<> counted = co_await usage->flush();
    if (!counted) log(Severity::error, "usage cannot be counted", {{"why", counted.error().message}});
  }
}

}  // namespace kachery::hub
