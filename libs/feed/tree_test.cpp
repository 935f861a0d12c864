#include "feed/tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

namespace kachery::feed {
namespace {

std::vector<TreeHash> leaves_of(TreeSize count) {
  std::vector<TreeHash> leaves;
  leaves.reserve(count);
  for (TreeSize i = 0; i < count; ++i) leaves.push_back(hash_leaf(as_bytes("entry " + std::to_string(i))));
  return leaves;
}

ReadNode reader_of(const std::vector<TreeHash>& leaves) {
  return [&leaves](const Node& node) -> Result<TreeHash> {
    return root_of(std::span(leaves).subspan(node.index << node.level, TreeSize{1} << node.level));
  };
}

std::string text_of(const std::vector<TreeHash>& hashes) {
  std::string text;
  for (const TreeHash& hash : hashes) text += to_base64(hash) + " ";
  return text;
}

// The values are of golang.org/x/mod/sumdb/tlog v0.17.0, for entries "entry 0", "entry 1", and so on.
TEST(Tree, HasTheRootsThatOtherProgramsFind) {
  const std::vector<std::pair<TreeSize, std::string>> roots{
      {1, "dziFphNIniTOLPdhmdakI/BC5LvxLX7s7pEu8nbGVwE="},
      {2, "WkdmL9ijF9lgSaP59HxV3GfKZgUbqjaD27GbL+CaB7A="},
      {3, "lPvQ3YNvUDAWkubQ6t5yjuGexSv/8WBu2AfIV11aqhk="},
      {7, "mMl/C6MXXNCLAx3QhLncTmSbZNGijm6mlGRlAxc6tYc="},
      {8, "tpcyzlyRQWLKmsz69OldP5h01ogFQ3CIqv8YSk25Z3M="},
      {255, "z2Z5PmMp3/JC6zzuCm82rT46GW3MVzoex3XhAr6GPxw="},
      {256, "2mWW2VNp9f7zIquOTg2jsLUCNqqcijsdJG90Ecni4y4="},
      {257, "XB/f6DU1gCLyOS3keNvgU/wTDP4dOggoeakM9r8Uv34="},
      {300, "yjk9Apa+xeC43KuYO9H7fRRh9RLnJny4ljGtJv1m2Eg="}};
  for (const auto& [size, root] : roots) EXPECT_EQ(to_base64(root_of(leaves_of(size))), root) << size;
  // Of SHA-256 (FIPS 180-4).
  EXPECT_EQ(to_hex(root_of({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Tree, ProvesAsOtherProgramsDo) {
  const auto leaves = leaves_of(7);
  const auto read = reader_of(leaves);
  EXPECT_EQ(text_of(*prove_inclusion(3, 7, read)),
            "V8efTzGuApxdS9MLBzwnyU35NDiytGl+Hh7vW8A5SkE= WkdmL9ijF9lgSaP59HxV3GfKZgUbqjaD27GbL+CaB7A= "
            "lK+4osoFHAVFjqOdzRmxvWjn4zUp8QtDnSphWlH2NuI= ");
  EXPECT_EQ(text_of(*prove_inclusion(6, 7, read)),
            "3QN52DrH8WTn7qMM3O+1dQglTEj3Zq/M09l2Nl4yjMw= l5nzB1F+9RfCIF35tndivzR1ayAJn7ffzOdrzr0nOy4= ");
  EXPECT_EQ(text_of(*prove_consistency(3, 7, read)),
            "V8efTzGuApxdS9MLBzwnyU35NDiytGl+Hh7vW8A5SkE= YcoROfaBWEHVuvLQ0tm9nf7pfImN1ve6DAqpQe5sAes= "
            "WkdmL9ijF9lgSaP59HxV3GfKZgUbqjaD27GbL+CaB7A= lK+4osoFHAVFjqOdzRmxvWjn4zUp8QtDnSphWlH2NuI= ");
  EXPECT_EQ(text_of(*prove_consistency(4, 7, read)), "lK+4osoFHAVFjqOdzRmxvWjn4zUp8QtDnSphWlH2NuI= ");
  EXPECT_EQ(text_of(*prove_consistency(7, 7, read)), "");
}

TEST(Tree, GrowsAtItsEndOnly) {
  const auto leaves = leaves_of(300);
  Frontier frontier;
  for (TreeSize size = 0; size <= leaves.size(); ++size) {
    EXPECT_EQ(frontier.root(), root_of(std::span(leaves).first(size))) << size;
    EXPECT_EQ(Frontier::parse(size, frontier.bytes())->root(), frontier.root());
    if (size < leaves.size()) frontier.push(leaves[size]);
  }
  EXPECT_FALSE(Frontier::parse(299, frontier.bytes()));
}

TEST(Tree, FrontierKnowsTheEndOfItsTree) {
  const auto leaves = leaves_of(300);
  Frontier whole;
  for (const TreeHash& leaf : leaves) whole.push(leaf);
  Frontier end;
  for (const TreeHash& leaf : std::span(leaves).subspan(256)) end.push(leaf);
  EXPECT_TRUE(whole.ends_with(end));
  EXPECT_TRUE(whole.ends_with(Frontier()));
  EXPECT_FALSE(end.ends_with(whole));
  Frontier other;
  for (TreeSize i = 256; i < 300; ++i) other.push(leaves[i - 1]);
  EXPECT_FALSE(whole.ends_with(other));
}

// Every pair of an entry, or an older tree, and a tree; and each proof with one thing altered.
TEST(Tree, ProofsHoldForWhatTheyAreAboutAndForNothingElse) {
  constexpr TreeSize kMost = 40;
  const auto leaves = leaves_of(kMost);
  const auto read = reader_of(leaves);
  const auto root = [&leaves](TreeSize size) { return root_of(std::span(leaves).first(size)); };
  for (TreeSize size = 1; size <= kMost; ++size) {
    for (TreeSize index = 0; index < size; ++index) {
      auto proof = *prove_inclusion(index, size, read);
      ASSERT_TRUE(verify_inclusion(index, size, leaves[index], proof, root(size))) << index << " of " << size;
      EXPECT_FALSE(verify_inclusion(index, size, leaves[(index + 1) % kMost], proof, root(size)));
      EXPECT_FALSE(size > 1 && verify_inclusion((index + 1) % size, size, leaves[index], proof, root(size)));
      EXPECT_FALSE(verify_inclusion(size, size, leaves[index], proof, root(size)));
      proof.push_back(leaves[0]);
      EXPECT_FALSE(verify_inclusion(index, size, leaves[index], proof, root(size)));
    }
    for (TreeSize old = 1; old <= size; ++old) {
      auto proof = *prove_consistency(old, size, read);
      ASSERT_TRUE(verify_consistency(old, root(old), size, root(size), proof)) << old << " of " << size;
      EXPECT_FALSE(verify_consistency(old, leaves[kMost - 1], size, root(size), proof))
          << old << " of " << size;
      EXPECT_FALSE(verify_consistency(old, root(old), size, leaves[kMost - 1], proof))
          << old << " of " << size;
      EXPECT_FALSE(verify_consistency(size + 1, root(size), size, root(size), proof));
      for (TreeHash& hash : proof) {
        hash[0] ^= std::byte{1};
        EXPECT_FALSE(verify_consistency(old, root(old), size, root(size), proof)) << old << " of " << size;
        hash[0] ^= std::byte{1};
      }
      proof.push_back(leaves[0]);
      EXPECT_FALSE(verify_consistency(old, root(old), size, root(size), proof)) << old << " of " << size;
    }
    EXPECT_TRUE(verify_consistency(0, root_of({}), size, root(size), {}));
  }
}

TEST(Tree, SomeLeavesAndTheNodesOfTheOthersMakeItsRoot) {
  rc::check([] {
    const TreeSize size = *rc::gen::inRange<TreeSize>(0, 700);
    const TreeSize first = *rc::gen::inRange<TreeSize>(0, size + 1);
    const TreeSize count = *rc::gen::inRange<TreeSize>(0, size - first + 1);
    auto leaves = leaves_of(size);
    const auto read = reader_of(leaves);
    std::vector<TreeHash> known(leaves.begin() + static_cast<std::ptrdiff_t>(first),
                                leaves.begin() + static_cast<std::ptrdiff_t>(first + count));
    const TreeHash root = root_of(leaves);
    RC_ASSERT(*root_with(size, first, known, read) == root);
    if (count == 0) return;
    known[*rc::gen::inRange<TreeSize>(0, count)][3] ^= std::byte{8};
    RC_ASSERT(*root_with(size, first, known, read) != root);
  });
}

}  // namespace
}  // namespace kachery::feed
