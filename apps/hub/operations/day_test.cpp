#include "hub/operations/day.h"

#include <gtest/gtest.h>

namespace kachery::hub {
namespace {

TEST(Day, IsThatOfUtc) {
  EXPECT_EQ(day_of(0), "1970-01-01");
  EXPECT_EQ(day_of(86'399'999), "1970-01-01");
  EXPECT_EQ(day_of(86'400'000), "1970-01-02");
  EXPECT_EQ(day_of(951'782'400'000), "2000-02-29");
  EXPECT_EQ(day_of(-1), "1969-12-31");
  EXPECT_EQ(moment_of(1'795'318'800'123), "2026-11-22T03:40:00.123Z");
}

// A day becomes the name of a file.
TEST(Day, IsNothingElse) {
  EXPECT_TRUE(check_day("2026-11-22"));
  EXPECT_TRUE(check_day("2024-02-29"));
  for (const char* wrong : {"", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "2026-11-22 ",
                            "../../../x", "2026/11/22", "+026-11-22", "2026-11-2x", "-026-11-22"})
    EXPECT_FALSE(check_day(wrong)) << wrong;
}

}  // namespace
}  // namespace kachery::hub
