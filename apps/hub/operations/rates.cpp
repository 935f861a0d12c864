#include "hub/operations/rates.h"

#include <algorithm>
#include <cmath>

namespace kachery::hub {
namespace {

// Looking at every bucket costs time; so seldom that it does not show.
constexpr std::int64_t kTidyEveryMs = 10'000;

// The bucket of all keys for which there is no room; no key is empty.
const std::string kCrowd;

}  // namespace

std::optional<std::chrono::milliseconds> Rates::take(const std::string& key, double cost,
                                                     std::int64_t now_ms) {
  if (now_ms - tidied_ms_ >= kTidyEveryMs) tidy(now_ms);
  const bool has_room = buckets_.size() < buckets_max_ || buckets_.contains(key);
  Filling& filling = buckets_.try_emplace(has_room ? key : kCrowd, rate_.burst, now_ms).first->second;

  const double level = level_of(filling, now_ms);
  const auto wait = wait_for(cost, level);
  if (!wait) filling = {level - cost, now_ms};
  return wait;
}

std::optional<std::chrono::milliseconds> Rates::look(const std::string& key, double cost,
                                                     std::int64_t now_ms) const {
  auto known = buckets_.find(key);
  if (known == buckets_.end() && buckets_.size() >= buckets_max_) known = buckets_.find(kCrowd);
  if (known == buckets_.end()) return std::nullopt;
  return wait_for(cost, level_of(known->second, now_ms));
}

std::optional<std::chrono::milliseconds> Rates::wait_for(double cost, double level) const {
  const double missing = std::min(cost, rate_.burst) - level;
  if (missing <= 0) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(missing / rate_.per_second * 1000)));
}

double Rates::level_of(const Filling& filling, std::int64_t now_ms) const {
  const auto passed_ms = static_cast<double>(std::max<std::int64_t>(now_ms - filling.at_ms, 0));
  return std::min(filling.level + passed_ms / 1000 * rate_.per_second, rate_.burst);
}

void Rates::tidy(std::int64_t now_ms) {
  std::erase_if(buckets_, [&](const auto& bucket) { return level_of(bucket.second, now_ms) >= rate_.burst; });
  tidied_ms_ = now_ms;
}

}  // namespace kachery::hub
