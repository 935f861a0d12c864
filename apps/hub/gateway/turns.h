// Turns: so many at a time, and the others wait.
#pragma once

#include <optional>
#include <utility>

#include "net/loop.h"

namespace kachery::hub {

class Turns;

// Held for as long as the object lives. Not longer than its Turns.
class Turn {
 public:
  explicit Turn(Turns& turns) : turns_(&turns) {}
  Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
  Turn& operator=(Turn&& other) noexcept {
    std::swap(turns_, other.turns_);
    return *this;
  }
  ~Turn();

 private:
  Turns* turns_;
};

// Network thread only. The loop outlives it.
class Turns {
 public:
  Turns(Loop& loop, std::size_t count_max) : free_(count_max), given_back_(loop) {}

  // None: there was none within the time.
  Task<std::optional<Turn>> take(std::chrono::milliseconds wait_max);

 private:
  friend class Turn;
  void give_back();

  std::size_t free_;
  Signal given_back_;
};

}  // namespace kachery::hub
