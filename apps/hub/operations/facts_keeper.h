// FactsKeeper: the facts that decisions are made of, in memory, fresh within seconds.
#pragma once

#include <memory>

#include "hub/catalog/catalog.h"
#include "net/loop.h"

namespace kachery::hub {

// Network thread only. Both outlive it.
class FactsKeeper {
 public:
  FactsKeeper(Catalog& catalog, Loop& loop) : catalog_(catalog), loop_(loop), changed_(loop) {}

  // Before the loop runs: blocks.
  Result<> load();
  // Never null once load() has succeeded. Owned by the keeper and by who decides with it.
  std::shared_ptr<const Facts> now() const { return facts_; }
  // After every change that this process makes, before it is acknowledged; and every 2 s, for those of
  // others.
  Task<Result<>> refresh();
  // Wakes when there are other facts.
  Signal& changed() { return changed_; }

 private:
  Catalog& catalog_;
  Loop& loop_;
  Signal changed_;
  std::shared_ptr<const Facts> facts_;
  // Refreshes are numbered as they begin, so that a slow one does not bring older facts back.
  std::uint64_t begun_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace kachery::hub
