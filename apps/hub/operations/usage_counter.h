// UsageCounter: adds up who sent and got how much, and puts it into the catalog now and then.
#pragma once

#include <map>
#include <optional>
#include <tuple>

#include "hub/catalog/catalog.h"
#include "net/loop.h"

namespace kachery::hub {

struct Transfer {
  std::uint64_t uploads = 0;
  ByteCount upload_bytes = 0;
  std::uint64_t downloads = 0;
  ByteCount download_bytes = 0;
};

// Network thread only. Both outlive it. What a crash loses are counts of the last seconds. Between two
// flushes no more than 100,000 nodes are told apart; more count as nobody known.
class UsageCounter {
 public:
  UsageCounter(Catalog& catalog, Loop& loop) : catalog_(catalog), loop_(loop) {}

  void add(const ZoneName& zone, const std::optional<NodeId>& node, const Transfer& transfer,
           std::int64_t now_ms);
  // After a failure the counts are kept for the next time.
  Task<Result<>> flush();

 private:
  using Key = std::tuple<std::string, ZoneName, std::optional<NodeId>>;  // The day comes first.
  Catalog& catalog_;
  Loop& loop_;
  std::map<Key, Transfer> counts_;
};

}  // namespace kachery::hub
