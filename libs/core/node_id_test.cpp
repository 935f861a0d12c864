#include "core/node_id.h"

#include <gtest/gtest.h>

namespace kachery {
namespace {

constexpr std::string_view kHex = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";

TEST(NodeId, ParsesWhatItPrints) {
  const auto id = NodeId::parse(kHex);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->hex(), kHex);
  EXPECT_EQ(id->bytes().size(), 32U);
}

// Two spellings of one node would be two nodes to whoever compares texts.
TEST(NodeId, HasOneSpelling) {
  const std::string good(kHex);
  for (const std::string& text : {std::string(), good.substr(1), good + "0", good.substr(1) + "B",
                                  good.substr(1) + "\n", std::string(64, '\0')}) {
    const auto id = NodeId::parse(text);
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.error().code, Code::invalid);
  }
}

}  // namespace
}  // namespace kachery
