// A process that changes the catalog is killed at any moment; whoever opens it then finds whole calls only.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "hub/catalog/upload_fixture.h"

namespace kachery::hub {
namespace {

constexpr int kKills = 200;
constexpr std::size_t kBatch = 20;

std::string content(std::size_t round, std::size_t i) {
  return "round " + std::to_string(round) + " file " + std::to_string(i);
}

class CrashTest : public UploadTest {
 protected:
  // Batches for ever: each stored whole, by one call; the one before removed, by one call. Says on `pipe` how
  // many are acknowledged. Leaves only by a kill.
  [[noreturn]] void work_until_killed(std::size_t first, int pipe) {
    const auto catalog = Catalog::open(path());
    if (!catalog) ::_exit(1);
    for (std::size_t round = first;; ++round) {
      std::vector<SmallUpload> files;
      std::vector<Digest> before;
      for (std::size_t i = 0; i < kBatch; ++i) {
        files.push_back({sha1_of(content(round, i)), sent(content(round, i))});
        if (round > 0) before.push_back(sha1_of(content(round - 1, i)));
      }
      const auto collections = (*catalog)->uploads().collections();
      if (!collections || !(*catalog)->uploads().add_small(alice(), files, *collections, kNow)) ::_exit(1);
      if (::write(pipe, &round, sizeof round) != sizeof round) ::_exit(1);
      if (!(*catalog)->files().remove(zone("lab"), before, alice().user)) ::_exit(1);
      const auto garbage = (*catalog)->upkeep().collect(100);
      if (!garbage || !(*catalog)->upkeep().collected(*garbage)) ::_exit(1);
    }
  }

  std::size_t count_of(std::size_t round) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < kBatch; ++i) count += find(sha1_of(content(round, i))) ? 1 : 0;
    return count;
  }
};

TEST_F(CrashTest, AKillLeavesWholeCallsOnly) {
  std::minstd_rand random(7);
  std::size_t acknowledged = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    catalog_.reset();
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) work_until_killed(acknowledged, pipe[1]);
    ::close(pipe[1]);
    std::size_t round = 0;
    ASSERT_EQ(::read(pipe[0], &round, sizeof round), static_cast<ssize_t>(sizeof round)) << "it works";
    // Somewhere in the calls that follow.
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 4'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it must not end by itself";
    while (::read(pipe[0], &acknowledged, sizeof acknowledged) == static_cast<ssize_t>(sizeof acknowledged)) {
    }
    acknowledged = std::max(acknowledged, round);
    ::close(pipe[0]);

    reopen();
    EXPECT_EQ(count_of(acknowledged), kBatch) << "acknowledged, then lost";
    std::size_t whole_batches = 0;
    for (const std::size_t one : {acknowledged - std::min<std::size_t>(acknowledged, 1), acknowledged + 1}) {
      if (one == acknowledged) continue;
      const std::size_t count = count_of(one);
      EXPECT_TRUE(count == 0 || count == kBatch) << count << " of a batch";
      whole_batches += count / kBatch;
    }
    const FilePage page = must(catalog_->files().list(zone("lab"), std::nullopt, std::nullopt, 1'000));
    EXPECT_EQ(page.files.size(), (1 + whole_batches) * kBatch);
    EXPECT_EQ(objects_of(alice()), page.files.size()) << "the quota is counted with the files";
  }
}

}  // namespace
}  // namespace kachery::hub
