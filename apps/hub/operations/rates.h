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

// Network thread only. Buckets that are full again are forgotten, so memory is bounded by the rates.
class Rates {
 public:
  explicit Rates(Rate rate) : rate_(rate) {}

  // Takes `cost` from the bucket of `key`. Nothing: go on. Else: how long until there is enough.
  std::optional<std::chrono::milliseconds> take(const std::string& key, double cost, std::int64_t now_ms);

 private:
  struct Filling {
    double level;
    std::int64_t at_ms;
  };
  Rate rate_;
  std::map<std::string, Filling> buckets_;
  std::int64_t tidied_ms_ = 0;
};

}  // namespace kachery::hub
