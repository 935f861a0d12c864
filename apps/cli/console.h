// The two streams: results on standard output, everything else on standard error.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/error.h"
#include "core/progress.h"

namespace kachery::cli {

// All of `bytes`, or the reason, such as a full disk behind a redirection, or the user's cancelling.
Result<> write_output(ByteView bytes, const Progress& progress);

// One line, with nothing in it that a terminal would act upon.
void say(std::string_view text);

// Prints how far `progress` is from a thread of its own while it lives: a bar on a terminal, else a line
// every 10 s; nothing for what is done within a second.
class ProgressPrinter {
 public:
  ProgressPrinter(const Progress& progress, std::string_view what, bool quiet);
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;
  ~ProgressPrinter();

 private:
  struct Ticker;
  std::unique_ptr<Ticker> ticker_;
};

// "1.5 GB", in powers of 1000.
std::string human_size(ByteCount bytes);

// "500", "500M", "1.5G", "2TB": powers of 1000; "GiB": powers of 1024. Code::invalid.
Result<ByteCount> parse_size(const std::string& text);

}  // namespace kachery::cli
