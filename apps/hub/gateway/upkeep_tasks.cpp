#include "hub/gateway/upkeep_tasks.h"

#include "hub/gateway/bucket_reading.h"
#include "hub/gateway/serving.h"
#include "hub/operations/log.h"
#include "wire/sizes.h"

namespace kachery::hub {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kClaimsWait = 10s;  // For claims that nobody told us of.
constexpr std::chrono::milliseconds kExpiryWait = 1min;
constexpr std::chrono::milliseconds kGarbageWait = 10min;
constexpr std::chrono::milliseconds kSweepWait = 24h;
constexpr std::size_t kClaimsAtOnce = 16;
constexpr std::size_t kGarbageAtOnce = 1'000;
constexpr std::size_t kSweptAtOnce = 1'000;

std::int64_t now_ms(const Shared& shared) {
  return shared.services.clock.now_ns() / 1'000'000;
}

void log_failure(std::string_view task, const Error& error) {
  log(Severity::error, "upkeep_failed", {{"task", task}, {"error", error.message}});
}

// Whether the chunks of a claim are the file. A failure: it cannot be said, for a chunk cannot be read.
Task<Result<bool>> holds(Shared& shared, const ClaimRecord& claim) {
  Services& services = shared.services;
  auto list = [&services, &claim] { return services.catalog.upkeep().claim_chunks(claim); };
  KACHERY_CO_TRY(chunks, co_await services.loop.offload(std::move(list)));
  Hasher hasher(claim.digest.algorithm());
  ByteCount size = 0;
  // One at a time: what people wait for comes between.
  for (const ChunkEntry& chunk : chunks) {
    auto add = [&services, &claim, &chunk, &hasher]() -> Result<> {
      const Result<std::string> bytes = read_chunk(services.bucket, claim.zone, chunk.sha256, chunk.size);
      if (!bytes || Hasher::of(Algorithm::sha256, as_bytes(*bytes)) != chunk.sha256) {
        KACHERY_TRY(check_object(services, {.zone = claim.zone, .name = chunk.sha256}));
        return fail(Code::unavailable, "chunk " + chunk.sha256.hex() + " could not be read, and now it can");
      }
      hasher.update(as_bytes(*bytes));
      return {};
    };
    KACHERY_CO_TRY(co_await services.loop.offload(std::move(add)));
    size += chunk.size;
  }
  if (size != claim.size) co_return false;
  co_return hasher.finish() == claim.digest;
}

Task<Result<>> settle(Shared& shared, const ClaimRecord& claim) {
  KACHERY_CO_TRY(right, co_await holds(shared, claim));
  auto work = [&shared, &claim, right] { return shared.services.catalog.upkeep().settle(claim, right); };
  const Result<> settled = co_await shared.services.loop.offload(std::move(work));
  shared.found.clear();
  KACHERY_CO_TRY(settled);
  if (!right) {
    log(Severity::warning, "claim_false",
        {{"zone", claim.zone.str()}, {"file", claim.digest.hex()}, {"node", claim.node.hex()}});
    shared.rendezvous.providers.note_failure(claim.node);
  }
  co_return Result<>();
}

Task<> claims_task(Shared& shared) {
  while (true) {
    const Result<std::size_t> settled = co_await check_claims(shared, kClaimsAtOnce);
    if (!settled) log_failure("check_claims", settled.error());
    if (!settled || *settled == 0) co_await shared.claim_made.wait(kClaimsWait);
  }
}

Task<> expiry_task(Shared& shared) {
  while (true) {
    const Result<> expired = co_await expire_uploads(shared);
    if (!expired) log_failure("expire_uploads", expired.error());
    co_await shared.services.loop.sleep(kExpiryWait);
  }
}

// Tells the catalog of every chunk and manifest of a zone, some at a time. On the pool.
Result<std::size_t> sweep_zone(Services& services, const ZoneName& zone) {
  std::size_t unknown = 0;
  const auto tell = [&](auto& seen) -> Result<> {
    KACHERY_TRY(count, services.catalog.upkeep().note_found(zone, seen));
    unknown += count;
    seen.clear();
    return {};
  };
  std::vector<Digest> chunks;
  KACHERY_TRY(services.bucket.each_chunk(zone, [&](const Digest& chunk) -> Result<> {
    chunks.push_back(chunk);
    return chunks.size() < kSweptAtOnce ? Result<>() : tell(chunks);
  }));
  KACHERY_TRY(tell(chunks));
  std::vector<std::pair<Digest, Digest>> manifests;
  KACHERY_TRY(services.bucket.each_manifest(zone, [&](const Digest& file, const Digest& name) -> Result<> {
    manifests.emplace_back(file, name);
    return manifests.size() < kSweptAtOnce ? Result<>() : tell(manifests);
  }));
  KACHERY_TRY(tell(manifests));
  return unknown;
}

Task<> sweep_task(Shared& shared) {
  while (true) {
    const Result<std::size_t> unknown = co_await sweep_bucket(shared);
    if (!unknown) log_failure("sweep_bucket", unknown.error());
    co_await shared.services.loop.sleep(kSweepWait);
  }
}

Task<> garbage_task(Shared& shared) {
  while (true) {
    const Result<std::size_t> collected = co_await collect_garbage(shared);
    if (!collected) log_failure("collect_garbage", collected.error());
    // More is there if it was as much as is collected at once.
    if (!collected || *collected == 0) co_await shared.garbage_made.wait(kGarbageWait);
  }
}

// Whenever the facts were read anew: at once after a change that this process made, within seconds after
// others'.
Task<> providers_task(Shared& shared) {
  while (true) {
    co_await shared.services.facts.changed().wait(kExpiryWait);
    review_providers(shared);
  }
}

}  // namespace

void start_upkeep(Shared& shared) {
  shared.services.loop.spawn(claims_task(shared));
  shared.services.loop.spawn(expiry_task(shared));
  shared.services.loop.spawn(sweep_task(shared));
  shared.services.loop.spawn(garbage_task(shared));
  shared.services.loop.spawn(providers_task(shared));
}

void review_providers(Shared& shared) {
  const std::shared_ptr<const Facts> facts = shared.services.facts.now();
  const auto may = [&facts](const Post& post, const Provider& provider) {
    const std::optional<NodeId> node = provider.node();
    KACHERY_ASSERT(node.has_value());
    return may_serve(*facts, post, *node, provider.proof());
  };
  shared.rendezvous.providers.review(may);
  shared.rendezvous.orders.review([&facts](const ChannelId& id, const NodeId& node) {
    const ChannelFacts* channel = find_channel(*facts, id);
    return channel != nullptr && member_in(*facts, *channel, node).effective().has(Role::provide_files);
  });
  shared.rendezvous.orders.wake_all();  // Whoever waits may have lost the right to.
}

Task<Result<std::size_t>> check_claims(Shared& shared, std::size_t count_at_once) {
  std::size_t settled = 0;
  for (std::int64_t after = 0;;) {
    auto work = [&shared, count_at_once, after] {
      return shared.services.catalog.upkeep().unchecked(count_at_once, after);
    };
    KACHERY_CO_TRY(claims, co_await shared.services.loop.offload(std::move(work)));
    if (claims.empty()) co_return settled;
    for (const ClaimRecord& claim : claims) {
      after = claim.number;
      const Result<> done = co_await settle(shared, claim);
      if (done) {
        ++settled;
      } else {
        log_failure("check_claims", done.error());
      }
    }
  }
}

Task<Result<>> expire_uploads(Shared& shared) {
  auto work = [&shared, at_ms = now_ms(shared)] {
    return shared.services.catalog.upkeep().expire_uploads(at_ms);
  };
  KACHERY_CO_TRY(expired, co_await shared.services.loop.offload(std::move(work)));
  if (expired != 0) log(Severity::info, "uploads_expired", {{"count", static_cast<std::uint64_t>(expired)}});
  co_return Result<>();
}

Task<Result<std::size_t>> sweep_bucket(Shared& shared) {
  auto work = [&shared]() -> Result<std::size_t> {
    KACHERY_TRY(zones, shared.services.catalog.zones().zones());
    std::size_t unknown = 0;
    for (const ZoneRecord& zone : zones) {
      KACHERY_TRY(count, sweep_zone(shared.services, zone.zone));
      unknown += count;
    }
    return unknown;
  };
  KACHERY_CO_TRY(unknown, co_await shared.services.loop.offload(std::move(work)));
  if (unknown != 0) log(Severity::info, "objects_unknown", {{"count", static_cast<std::uint64_t>(unknown)}});
  co_return unknown;
}

Task<Result<std::size_t>> collect_garbage(Shared& shared) {
  auto work = [&shared]() -> Result<std::size_t> {
    KACHERY_TRY(garbage, shared.services.catalog.upkeep().collect(kGarbageAtOnce));
    Bucket& bucket = shared.services.bucket;
    for (const auto& [zone, chunk] : garbage.chunks) KACHERY_TRY(bucket.remove_chunk(zone, chunk));
    for (const Garbage::LostManifest& lost : garbage.manifests)
      KACHERY_TRY(bucket.remove_manifest(lost.zone, lost.file, lost.manifest));
    KACHERY_TRY(shared.services.catalog.upkeep().collected(garbage));
    return garbage.chunks.size() + garbage.manifests.size();
  };
  co_return co_await shared.services.loop.offload(std::move(work));
}

}  // namespace kachery::hub
