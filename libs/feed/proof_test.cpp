#include "feed/proof.h"

#include <gtest/gtest.h>

namespace kachery::feed {
namespace {

// A subfeed in memory.
struct Log {
  explicit Log(TreeSize size) : subfeed{FeedId(pair.node_id()), *subfeed_hash("primes")} {
    for (TreeSize i = 0; i < size; ++i) {
      entries.push_back(make_entry(i, 1000, std::to_string(i) + ".0").str());
      leaves.push_back(hash_leaf(as_bytes(entries.back())));
    }
  }

  std::string note(TreeSize size) const {
    return sign_checkpoint(subfeed, {size, root_of(std::span(leaves).first(size))}, pair);
  }
  ReadNode read() const {
    return [this](const Node& node) -> Result<TreeHash> {
      return root_of(std::span(leaves).subspan(node.index << node.level, TreeSize{1} << node.level));
    };
  }

  KeyPair pair = KeyPair::generate();
  SubfeedId subfeed;
  std::vector<std::string> entries = {};
  std::vector<TreeHash> leaves = {};
};

TEST(InclusionProof, SaysWhoseEntryItIsAndWithAnyByteAlteredNothing) {
  const Log log(10);
  const InclusionProof proof{log.entries[6], 6, *prove_inclusion(6, 10, log.read()), log.note(10)};
  const std::string text = proof.str();
  EXPECT_TRUE(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
  const auto parsed = InclusionProof::parse(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, proof);
  const auto proved = check(*parsed);
  ASSERT_TRUE(proved) << proved.error().message;
  EXPECT_EQ(proved->of.subfeed, log.subfeed);
  EXPECT_EQ(proved->of.checkpoint.size, 10U);
  EXPECT_EQ(proved->entry.message, "6.0");
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string altered = text;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    const auto again = InclusionProof::parse(altered);
    EXPECT_FALSE(again && check(*again)) << "byte " << i;
  }
}

// The writer signed it, but not at this place.
TEST(InclusionProof, AnEntryIsAtTheNumberThatItHas) {
  Log log(3);
  log.entries[1] = make_entry(2, 1000, "1").str();
  log.leaves[1] = hash_leaf(as_bytes(log.entries[1]));
  EXPECT_FALSE(check(InclusionProof{log.entries[1], 1, *prove_inclusion(1, 3, log.read()), log.note(3)}));
}

TEST(ConsistencyProof, HoldsForOneHistoryOnly) {
  const Log log(10);
  const ConsistencyProof proof{4, *prove_consistency(4, 10, log.read()), log.note(10)};
  EXPECT_EQ(*ConsistencyProof::parse(proof.str()), proof);
  EXPECT_TRUE(check(proof, log.note(4)));
  EXPECT_FALSE(check(proof, log.note(5)));
  EXPECT_FALSE(check(proof, Log(4).note(4)));

  // A rewritten history.
  const std::string honest = log.note(4);
  Log rewritten(0);
  rewritten.entries = log.entries;
  rewritten.leaves = log.leaves;
  rewritten.leaves[1] = hash_leaf(as_bytes("other"));
  const ConsistencyProof false_proof{4, *prove_consistency(4, 10, rewritten.read()),
                                     sign_checkpoint(log.subfeed, {10, root_of(rewritten.leaves)}, log.pair)};
  EXPECT_FALSE(check(false_proof, honest));
}

TEST(Proof, OtherTextIsNone) {
  for (const std::string& text :
       {"", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nextra ====\nindex 1\n\n", "old 1\n", "old x\n\n"}) {
    EXPECT_FALSE(InclusionProof::parse(text)) << text;
    const auto consistency = ConsistencyProof::parse(text);
    EXPECT_FALSE(consistency && check(*consistency, "")) << text;
  }
}

}  // namespace
}  // namespace kachery::feed
