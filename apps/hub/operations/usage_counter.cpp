#include "hub/operations/usage_counter.h"

#include "hub/operations/day.h"

namespace kachery::hub {
namespace {

// 20 MB; there are seconds between two flushes.
constexpr std::size_t kCountsMax = 100'000;

void add_to(Transfer& sum, const Transfer& more) {
  sum.uploads += more.uploads;
  sum.upload_bytes += more.upload_bytes;
  sum.downloads += more.downloads;
  sum.download_bytes += more.download_bytes;
}

}  // namespace

void UsageCounter::add(const ZoneName& zone, const std::optional<NodeId>& node, const Transfer& transfer,
                       std::int64_t now_ms) {
  Key key(day_of(now_ms), zone, node);
  if (counts_.size() >= kCountsMax && !counts_.contains(key)) std::get<2>(key).reset();
  add_to(counts_[std::move(key)], transfer);
}

Task<Result<>> UsageCounter::flush() {
  if (counts_.empty()) co_return Result<>();
  auto counts = std::exchange(counts_, {});
  std::vector<UsageRecord> records;
  records.reserve(counts.size());
  for (const auto& [key, sum] : counts) {
    const auto& [day, zone, node] = key;
    records.push_back({day, zone, node, sum.uploads, sum.upload_bytes, sum.downloads, sum.download_bytes});
  }
  UsageLedger& ledger = catalog_.usage();
  auto write = [&ledger, records = std::move(records)] { return ledger.add_usage(records); };
  Result<> written = co_await loop_.offload(std::move(write));
  if (!written)
    for (const auto& [key, sum] : counts) add_to(counts_[key], sum);
  co_return written;
}

}  // namespace kachery::hub
