// Rates: token buckets, so that nobody can keep the hub from the others.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace kachery::hub {

struct Rate {
  double per_second;
  double burst;
};

// Network thread only. Buckets that are full again are forgotten; where there are `buckets_max` at once, all
// new keys share one.
class Rates {
 public:
  explicit Rates(Rate rate, std::size_t buckets_max = 100'000) : rate_(rate), buckets_max_(buckets_max) {}

  // Takes `cost` from the bucket of `key`. Nothing: go on. Else: how long until there is enough. What costs
  // more than the burst needs a full bucket, and is paid for afterwards.
  std::optional<std::chrono::milliseconds> take(const std::string& key, double cost, std::int64_t now_ms);
  // What take() would say; nothing is taken.
  std::optional<std::chrono::milliseconds> look(const std::string& key, double cost,
                                                std::int64_t now_ms) const;

 private:
  struct Filling {
    double level;
    std::int64_t at_ms;
  };
  std::optional<std::chrono::milliseconds> wait_for(double cost, double level) const;
  double level_of(const Filling& filling, std::int64_t now_ms) const;
  void tidy(std::int64_t now_ms);

  Rate rate_;
  std::size_t buckets_max_;
  std::map<std::string, Filling> buckets_;
  std::int64_t tidied_ms_ = 0;
};

}  // namespace kachery::hub
