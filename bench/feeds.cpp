// Feeds on one machine, beside a bare loop on the same disk: bench_feeds DIR [MESSAGES]. Appends of one
// message of 128 bytes, each durable, in pairs with the loop (write, fdatasync of a file that grows); batches
// of 1,000; reading, verified; and one more append when the log is long. Prints rates and ratios; README.md
// says what they are for.
#include "feed/feeds.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

namespace {

using namespace kachery;

constexpr int kPairs = 5;
constexpr int kSingles = 200;
constexpr std::size_t kBatch = 1000;
const char* const kMessage =
    R"({"sensor":"left","celsius":21.5,"note":"................................................................................"})";

double seconds_of(const std::function<void()>& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "bench_feeds: %s\n", result.error().message.c_str());
  std::exit(1);
}

void bare_loop(int descriptor) {
  const std::string line(400, 'x');  // An entry, and a signature.
  for (int i = 0; i < kSingles; ++i) {
    if (::write(descriptor, line.data(), line.size()) < 0 || ::fdatasync(descriptor) != 0) std::exit(1);
  }
}

void say(const char* what, double count, double seconds) {
  fmt::print("{:<44} {:>10.0f} /s\n", what, count / seconds);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fputs("usage: bench_feeds DIR [MESSAGES]\n", stderr);
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  const std::size_t messages = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 1'000'000;
  feed::Feeds feeds({directory / "store", Audience::writers, directory / "keys", {}}, system_clock());
  const FeedUri uri{must(feeds.create({}, feed::TakenName::refuse)), "values"};
  const feed::SubfeedId subfeed = must(feed::subfeed_id(uri));
  const int bare = ::open((directory / "bare").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

  const std::vector<std::string> one{kMessage};
  const auto singles = [&] {
    for (int i = 0; i < kSingles; ++i) must(feeds.append(uri, one));
  };
  std::vector<double> ratios;
  for (int pair = 0; pair < kPairs; ++pair) {
    const double floor = seconds_of([bare] { bare_loop(bare); });
    const double ours = seconds_of(singles);
    ratios.push_back(floor / ours);
    say("a bare loop of write and fdatasync", kSingles, floor);
    say("appends, one at a time", kSingles, ours);
  }
  std::ranges::sort(ratios);
  fmt::print("ratio {:.2f} ({:.2f} to {:.2f})\n", ratios[kPairs / 2], ratios.front(), ratios.back());

  const std::vector<std::string> batch(kBatch, kMessage);
  const std::size_t batches = messages / kBatch;
  const double appending = seconds_of([&] {
    for (std::size_t i = 0; i < batches; ++i) must(feeds.append(uri, batch));
  });
  say("messages, in batches of 1,000", static_cast<double>(batches * kBatch), appending);
  say("appends, one at a time, behind all these", kSingles, seconds_of(singles));

  feed::TreeSize read = 0;
  const double reading = seconds_of([&] {
    for (feed::ReadRange range{};; range.next = read) {
      const auto page = must(feeds.read(subfeed, range));
      if (page.empty()) return;
      read += page.size();
    }
  });
  say("messages read, verified", static_cast<double>(read), reading);
  constexpr int kProofs = 100;
  say("proofs", kProofs, seconds_of([&] {
        for (feed::TreeSize i = 0; i < kProofs; ++i) must(feeds.prove(subfeed, i * (read / kProofs)));
      }));
  ::close(bare);
  return 0;
}
