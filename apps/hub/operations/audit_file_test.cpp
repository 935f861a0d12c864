#include "hub/operations/audit_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "json/json.h"
#include "os/random.h"

namespace kachery::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kNow = 20'000 * kDayMs;  // 2024-10-04.

AuditEntry entry(std::int64_t time_ms, const std::string& object) {
  return {time_ms, std::string(32, '0'), "127.0.0.1", std::string(64, 'a'), "fetch", "default", object, true,
          ""};
}

class AuditFileTest : public testing::Test {
 protected:
  ~AuditFileTest() override { fs::remove_all(folder_); }

  // Opens the log, as after a restart, and appends entries that call themselves `names`.
  void append(const std::vector<std::string>& names, std::int64_t time_ms = kNow) {
    auto file = AuditFile::open(folder_, time_ms);
    ASSERT_TRUE(file) << file.error().message;
    for (const std::string& name : names) {
      const AuditEntry one = entry(time_ms, name);
      const auto count = file->append(std::span(&one, 1));
      ASSERT_TRUE(count) << count.error().message;
      EXPECT_EQ(*count, 1U);
    }
  }

  std::string content(const std::string& day = "2024-10-04") const {
    std::ifstream file(folder_ / (day + ".jsonl"), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void replace(const std::string& text, const std::string& day = "2024-10-04") const {
    std::ofstream(folder_ / (day + ".jsonl"), std::ios::binary) << text;
  }

  // "" where the chain holds.
  std::string fault() const {
    const auto summary = verify_audit(folder_);
    return summary ? "" : summary.error().message;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("audit_file_test_" + random_hex(8));
};

TEST_F(AuditFileTest, HasALineForEachEntry) {
  append({"one"});
  const std::string text = content();
  ASSERT_TRUE(text.ends_with('\n'));
  EXPECT_EQ(text,
            fmt::format(R"({{"time_ms":{},"request":"{}","peer":"127.0.0.1","actor":"{}","action":"fetch",)"
                        R"("zone":"default","object":"one","allowed":true,"why":"","previous":"{}"}})"
                        "\n",
                        kNow, std::string(32, '0'), std::string(64, 'a'), std::string(64, '0')));
}

TEST_F(AuditFileTest, IsForTheHubsOwnEyes) {
  const mode_t before = ::umask(0);
  append({"one"});
  ::umask(before);
  struct stat status{};
  ASSERT_EQ(::stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
  ASSERT_EQ(::stat((folder_ / "2024-10-04.jsonl").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(AuditFileTest, GoesOnOverRestartsAndDays) {
  append({"one", "two"});
  append({"three"});
  append({"four", "five"}, kNow + 3 * kDayMs);
  append({"six"}, kNow + 3 * kDayMs);
  const auto summary = verify_audit(folder_);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->days, 2U);
  EXPECT_EQ(summary->lines, 6U);
  EXPECT_EQ(summary->cut_off, 0U);
  EXPECT_EQ(summary->before, std::string(64, '0'));
}

TEST_F(AuditFileTest, ChangesTheDayInTheMiddleOfABatch) {
  auto file = AuditFile::open(folder_, kNow);
  ASSERT_TRUE(file);
  const std::vector<AuditEntry> batch{entry(kNow, "a"), entry(kNow, "b"), entry(kNow + kDayMs, "c")};
  EXPECT_EQ(file->append(batch).value_or(0), 2U);
  EXPECT_EQ(file->append(std::span(batch).subspan(2)).value_or(0), 1U);
  EXPECT_TRUE(content("2024-10-05").contains("\"c\""));
  EXPECT_EQ(fault(), "");
}

// A clock that was wrong, and is put right, must not tear the chain.
TEST_F(AuditFileTest, KeepsTheOrderWhenTheClockGoesBack) {
  append({"one"}, kNow + kDayMs);
  append({"two"}, kNow);
  EXPECT_TRUE(content("2024-10-05").contains("\"two\""));
  EXPECT_EQ(fault(), "");
}

// Cuts the last line at every place, as a kill or a power cut does.
TEST_F(AuditFileTest, KeepsALineThatACrashHasCutOff) {
  append({"one", "two"});
  const std::string whole = content();
  const std::size_t second = whole.find('\n') + 1;
  for (std::size_t size = second + 1; size < whole.size(); ++size) {
    replace(whole.substr(0, size));
    append({"three"});
    const auto summary = verify_audit(folder_);
    ASSERT_TRUE(summary) << size << ": " << summary.error().message;
    EXPECT_EQ(summary->lines, 4U) << size;
    EXPECT_EQ(summary->cut_off, 1U) << size;
    EXPECT_TRUE(content().starts_with(whole.substr(0, size) + "\n"));
  }
}

// The same, when what says that a line was cut off is cut off itself.
TEST_F(AuditFileTest, SurvivesACrashWhileItMarksACrash) {
  append({"one", "two"});
  const std::string cut = content().substr(0, content().size() - 10);
  replace(cut);
  append({});
  const std::string marked = content();
  for (std::size_t size = cut.size(); size <= marked.size(); ++size) {
    replace(marked.substr(0, size));
    append({"three"});
    EXPECT_EQ(fault(), "") << size;
  }
}

TEST_F(AuditFileTest, SurvivesACrashBeforeTheFirstLine) {
  append({"one"});
  replace("", "2024-10-05");
  append({"two"}, kNow + kDayMs);
  EXPECT_EQ(fault(), "");
  EXPECT_EQ(verify_audit(folder_)->lines, 2U);
}

// Whatever somebody does to a line but the last one shows, and where.
TEST_F(AuditFileTest, ShowsThatALineWasAltered) {
  append({"one", "two", "three"});
  const std::string whole = content();
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t place = 0; place < last; ++place) {
    std::string altered = whole;
    altered[place] = static_cast<char>(altered[place] ^ 1);
    replace(altered);
    EXPECT_NE(fault(), "") << altered.substr(place > 10 ? place - 10 : 0, 20);
  }
}

TEST_F(AuditFileTest, ShowsThatALineIsMissingOrWasPutIn) {
  append({"one", "two", "three"});
  append({"four"}, kNow + kDayMs);
  const std::string whole = content();
  const std::size_t second = whole.find('\n') + 1;
  const std::size_t third = whole.find('\n', second) + 1;
  replace(whole.substr(0, second) + whole.substr(third));
  EXPECT_TRUE(fault().contains("2024-10-04.jsonl, line 2: ")) << fault();
  replace(whole.substr(0, second) + whole.substr(0, second) + whole.substr(second));
  EXPECT_TRUE(fault().contains("2024-10-04.jsonl, line 2: ")) << fault();
  replace(whole.substr(0, third));
  EXPECT_TRUE(fault().contains("2024-10-05.jsonl, line 1: ")) << "the end of a day is missing: " << fault();
  replace(whole.substr(0, second) + "nonsense\n" + whole.substr(second));
  EXPECT_NE(fault(), "");
  replace(whole);
  EXPECT_EQ(fault(), "");
}

// Old days may be put elsewhere; the first line that is left says what came before.
TEST_F(AuditFileTest, MayBeginAfterDaysThatWereTakenAway) {
  append({"one"});
  append({"two"}, kNow + kDayMs);
  const auto all = verify_audit(folder_);
  fs::remove(folder_ / "2024-10-04.jsonl");
  const auto rest = verify_audit(folder_);
  ASSERT_TRUE(all && rest);
  EXPECT_EQ(rest->last, all->last);
  EXPECT_NE(rest->before, std::string(64, '0'));
}

TEST_F(AuditFileTest, HasLinesThatNoTextCanBreak) {
  append({"a\nb", "\xff\xfe", std::string("nul\0", 4), "\"}", "\xe2\x80\xa8"});
  EXPECT_EQ(fault(), "");
  EXPECT_EQ(verify_audit(folder_)->lines, 5U);
}

TEST_F(AuditFileTest, SaysWhereThereIsNoLog) {
  fs::create_directory(folder_);
  const auto summary = verify_audit(folder_);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, Code::not_found);
}

}  // namespace
}  // namespace kachery::hub
