#include "console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "core/text.h"

namespace kachery::cli {

using std::chrono::steady_clock;

Result<> write_output(ByteView bytes, const Progress& progress) {
  while (!bytes.empty()) {
    if (progress.cancel) return fail(Code::cancelled, "stopped while writing to standard output");
    const ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail_errno(errno, "cannot write to standard output");
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

void say(std::string_view text) {
  fmt::print(stderr, "kachery: {}\n", printable(text));
}

std::string human_size(ByteCount bytes) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

struct ProgressPrinter::Ticker {
  Ticker(const Progress& watched, std::string_view name)
      : progress(watched), what(name), terminal(::isatty(STDERR_FILENO) == 1), thread([this] { run(); }) {}
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;
  ~Ticker() {
    {
      const std::scoped_lock lock(mutex);
      done = true;
    }
    changed.notify_all();
    thread.join();
    if (terminal && printed) fmt::print(stderr, "\r\033[K");
  }

  void run() {
    using namespace std::chrono_literals;
    auto next = steady_clock::now() + (terminal ? 1s : 10s);
    std::unique_lock lock(mutex);
    while (!changed.wait_until(lock, next, [this] { return done; })) {
      print();
      next =
          steady_clock::now() + (terminal ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10s));
    }
  }

  void print() {
    printed = true;
    const double seconds = std::chrono::duration<double>(steady_clock::now() - begun).count();
    const ByteCount bytes = progress.bytes_done;
    const ByteCount total = progress.bytes_total;
    std::string line = fmt::format("{} {}", what, human_size(bytes));
    if (total > 0)
      line += fmt::format(" of {} ({:.0f}%)", human_size(total),
                          100.0 * static_cast<double>(bytes) / static_cast<double>(total));
    if (progress.items_total > 1)
      line += fmt::format(", {} of {} files", progress.items_done.load(), progress.items_total.load());
    line += fmt::format(", {}/s", human_size(static_cast<ByteCount>(static_cast<double>(bytes) / seconds)));
    fmt::print(stderr, "{}{}{}", terminal ? "\r\033[K" : "kachery: ", line, terminal ? "" : "\n");
  }

  const Progress& progress;
  std::string what;
  bool terminal;
  bool printed = false;
  steady_clock::time_point begun = steady_clock::now();
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::thread thread;  // Last: it uses the others.
};

ProgressPrinter::ProgressPrinter(const Progress& progress, std::string_view what, bool quiet) {
  if (!quiet) ticker_ = std::make_unique<Ticker>(progress, what);
}

ProgressPrinter::~ProgressPrinter() = default;

Result<ByteCount> parse_size(const std::string& text) {
  const auto refuse = [&] {
    return fail(Code::invalid, "not a size: \"" + printable(text) + "\"; write 500, 500M, 1.5G, 2T or 1GiB");
  };
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(end, text.data() + text.size());
  if (error != std::errc() || !std::isfinite(number) || number < 0) return refuse();
  const bool binary = unit.ends_with("iB");
  if (binary) {
    unit.remove_suffix(2);
  } else if (unit.ends_with('B')) {
    unit.remove_suffix(1);
  }
  constexpr std::string_view kPrefixes = "KMGTP";
  const std::size_t power = unit.empty() ? 0 : kPrefixes.find(unit[0]) + 1;
  if (unit.size() > 1 || (!unit.empty() && power == 0) || (binary && unit.empty())) return refuse();
  const double bytes = number * std::pow(binary ? 1024.0 : 1000.0, static_cast<double>(power));
  if (bytes >= 0x1p63) return refuse();
  return static_cast<ByteCount>(bytes);
}

}  // namespace kachery::cli
