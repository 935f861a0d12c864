#include "hub/gateway/byte_range.h"

#include <gtest/gtest.h>

namespace kachery::hub {
namespace {

using What = RangeAnswer::What;

struct Case {
  const char* field;
  ByteCount size;
  What what;
  ByteRange range;
};

// RFC 9110 section 14: what is asked for, of how much, and what is sent.
TEST(ByteRange, GivesExactlyWhatWasAskedFor) {
  for (const Case& c : {
           Case{"bytes=0-0", 10, What::part, {0, 1}},
           Case{"bytes=0-9", 10, What::part, {0, 10}},
           Case{"bytes=3-", 10, What::part, {3, 10}},
           Case{"bytes=9-9", 10, What::part, {9, 10}},
           Case{"bytes=9-100", 10, What::part, {9, 10}},
           Case{"bytes=-1", 10, What::part, {9, 10}},
           Case{"bytes=-100", 10, What::part, {0, 10}},
           Case{"bytes=10-", 10, What::unsatisfiable, {0, 0}},
           Case{"bytes=10-20", 10, What::unsatisfiable, {0, 0}},
           Case{"bytes=-0", 10, What::unsatisfiable, {0, 0}},
           Case{"bytes=0-", 0, What::unsatisfiable, {0, 0}},
           Case{"bytes=-5", 0, What::unsatisfiable, {0, 0}},
           Case{"bytes=5-4", 10, What::whole, {0, 10}},
           Case{"bytes=", 10, What::whole, {0, 10}},
           Case{"bytes=-", 10, What::whole, {0, 10}},
           Case{"bytes=1", 10, What::whole, {0, 10}},
           Case{"bytes=a-b", 10, What::whole, {0, 10}},
           Case{"bytes=+1-2", 10, What::whole, {0, 10}},
           Case{"bytes= 1-2", 10, What::whole, {0, 10}},
           Case{"bytes=0-1,3-4", 10, What::whole, {0, 10}},
           Case{"items=0-1", 10, What::whole, {0, 10}},
           Case{"bytes=99999999999999999999-", 10, What::whole, {0, 10}},
           Case{"bytes=0-99999999999999999999", 10, What::whole, {0, 10}},
           Case{"bytes=0-18446744073709551615", 10, What::part, {0, 10}},
       }) {
    const RangeAnswer answer = range_answer(c.field, c.size);
    EXPECT_EQ(answer.what, c.what) << c.field << " of " << c.size;
    EXPECT_EQ(answer.range, c.range) << c.field << " of " << c.size;
  }
}

}  // namespace
}  // namespace kachery::hub
