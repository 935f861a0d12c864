// AskLines: how it is with a file that somebody asked for, line after line. docs/protocol/resources.md.
#pragma once

#include <chrono>
#include <memory>

#include "hub/gateway/shared.h"

namespace kachery::hub {

struct AskLinesParts {
  Shared& shared;  // Outlives the answer.
  Permit permit;   // That of whoever asks; looked at again with every line.
  Asker asker;
  std::shared_ptr<Order> order;
  std::shared_ptr<Search> search;  // Where there are others, if the order fails; null: nowhere.
  std::chrono::steady_clock::time_point until;
  bool relay;  // Whether chunks are told of as they come.
};

// The body of an answer: one line at once, then whenever it changes, and now and then.
std::unique_ptr<Body> ask_lines(AskLinesParts parts);

}  // namespace kachery::hub
