// Prompt: questions to people, on standard error, answered on standard input, which need be no terminal.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/error.h"
#include "os/file.h"

namespace kachery::cli {

enum class Echo { yes, no };

// One thread. Reads no further than the lines that were answered.
class Prompt {
 public:
  explicit Prompt(const std::atomic<bool>& cancel) : input_(stream_of_descriptor(0, cancel)) {}

  // The line that was typed; `preset`, which is shown, for an empty one, and where the input has ended. With
  // Echo::no a terminal shows neither. Code::cancelled.
  Result<std::string> ask(const std::string& question, const std::string& preset, Echo echo = Echo::yes);

 private:
  Result<std::string> read_line();

  std::unique_ptr<ByteSource> input_;
};

}  // namespace kachery::cli
