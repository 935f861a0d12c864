#include "hub/operations/facts_keeper.h"

namespace kachery::hub {

Result<> FactsKeeper::load() {
  KACHERY_TRY(facts, catalog_.facts());
  facts_ = std::make_shared<const Facts>(std::move(facts));
  return {};
}

Task<Result<>> FactsKeeper::refresh() {
  const std::uint64_t number = ++begun_;
  Catalog& catalog = catalog_;
  auto read = [&catalog] { return catalog.facts(); };
  KACHERY_CO_TRY(facts, co_await loop_.offload(std::move(read)));
  if (number > taken_) {
    facts_ = std::make_shared<const Facts>(std::move(facts));
    taken_ = number;
    changed_.notify();
  }
  co_return Result<>();
}

}  // namespace kachery::hub
