#include "hub/gateway/turns.h"

namespace kachery::hub {

Turn::~Turn() {
  if (turns_ != nullptr) turns_->give_back();
}

Task<std::optional<Turn>> Turns::take(std::chrono::milliseconds wait_max) {
  const auto until = std::chrono::steady_clock::now() + wait_max;
  while (free_ == 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) co_return std::nullopt;
    co_await given_back_.wait(left);
  }
  --free_;
  co_return Turn(*this);
}

void Turns::give_back() {
  ++free_;
  given_back_.notify();
}

}  // namespace kachery::hub
