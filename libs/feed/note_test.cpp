#include "feed/note.h"

#include <gtest/gtest.h>

#include "feed/checkpoint.h"

namespace kachery::feed {
namespace {

// The key of the first generation's golden vector: seed 00, 01, ..., 1f.
KeyPair golden_pair() {
  std::array<std::byte, 32> seed{};
  for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::byte>(i);
  return KeyPair(seed);
}

const std::string kFeed = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const std::string kName = "kachery/feed/" + kFeed + "/80d9cc061689dbc521aba6b35235f29de63d8349";
const std::string kNote =
    kName + "\n2\nrQT3SGeCsvun1dHTPfHvyvsV4u3lgi5N6ylvSsLPImA=\n\n\u2014 " + kName +
    " BLLh9rUopEduyG1477XWmByen8QiTMJdLM1JqQ1mzlvaC6A2Li2HwIB+lR9kym5yY1ogHmVVCyw//SC6GkWR1UKpvAU=\n";

SubfeedId primes() {
  return {*FeedId::parse(kFeed), *subfeed_hash("primes")};
}

// Key and note are those that golang.org/x/mod/sumdb/note v0.17.0 makes of this seed, name and text.
TEST(Note, IsSignedAsOtherProgramsSignIt) {
  const KeyPair pair = golden_pair();
  ASSERT_EQ(pair.node_id().hex(), kFeed);
  EXPECT_EQ(note_key_of(primes()).str(), kName + "+04b2e1f6+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4");
  const auto checkpoint = open_checkpoint(kNote, primes());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->size, 2U);
  EXPECT_EQ(sign_checkpoint(primes(), *checkpoint, pair), kNote);
  EXPECT_EQ(*subfeed_of_note(kNote), primes());
}

TEST(Note, KeysAreReadAsTheyAreWritten) {
  const NoteKey key = note_key_of(primes());
  const auto parsed = NoteKey::parse(key.str());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, key);
  for (const std::string& text :
       {std::string(), std::string("+"), std::string("a+b"),
        kName + "+04b2e1f7+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        kName + "+04b2e1f6+AgOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", "+" + key.str(), "a b" + key.str()})
    EXPECT_FALSE(NoteKey::parse(text)) << text;
}

TEST(Note, WithAnyByteAlteredItIsRefused) {
  for (std::size_t i = 0; i < kNote.size(); ++i) {
    std::string altered = kNote;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_FALSE(open_checkpoint(altered, primes())) << "byte " << i;
  }
  for (std::size_t size = 0; size < kNote.size(); ++size)
    EXPECT_FALSE(open_checkpoint(kNote.substr(0, size), primes())) << "cut to " << size;
  EXPECT_FALSE(open_checkpoint(kNote + "x\n", primes()));
}

TEST(Note, SignaturesOfOthersArePassedOver) {
  const KeyPair witness = KeyPair::generate();
  const std::string text = kNote.substr(0, kNote.find("\n\n") + 1);
  const std::string line = sign_note(text, "witness.example", witness).substr(text.size() + 1);
  EXPECT_TRUE(open_checkpoint(kNote + line, primes()));
  EXPECT_TRUE(open_note(kNote + line, {"witness.example", witness.node_id()}));
  EXPECT_FALSE(open_note(kNote, {"witness.example", witness.node_id()}));
  std::string many = kNote;
  for (int i = 0; i < 16; ++i) many += line;
  EXPECT_FALSE(open_checkpoint(many, primes()));
}

// A signature for one subfeed is none for another of the same feed.
TEST(Note, IsForOneSubfeedOnly) {
  const SubfeedId other{primes().feed, *subfeed_hash("squares")};
  EXPECT_FALSE(open_checkpoint(kNote, other));
  // Signed with the right name, and with another subfeed's text.
  const std::string text = origin_of(other) + "\n0\n" + to_base64(root_of({})) + "\n";
  EXPECT_FALSE(open_checkpoint(sign_note(text, kName, golden_pair()), primes()));
}

TEST(Note, CheckpointsSayNothingElse) {
  const std::string root = to_base64(root_of({}));
  for (const std::string& lines : {"0\n" + root + "\nextension\n", "00\n" + root + "\n", "-1\n" + root + "\n",
                                   "0\n" + root.substr(1) + "\n", "9007199254740992\n" + root + "\n",
                                   "0\n" + to_base64(hash_leaf({})) + "\n"})
    EXPECT_FALSE(open_checkpoint(sign_note(kName + "\n" + lines, kName, golden_pair()), primes())) << lines;
  EXPECT_TRUE(open_checkpoint(sign_note(kName + "\n0\n" + root + "\n", kName, golden_pair()), primes()));
}

TEST(SubfeedName, HashesAreThoseOfTheFirstGeneration) {
  EXPECT_EQ(subfeed_hash("primes")->hex(), "80d9cc061689dbc521aba6b35235f29de63d8349");
  EXPECT_EQ(subfeed_hash("~edab56f36d0109b511ead78582ba8db8209aa93f")->hex(),
            "edab56f36d0109b511ead78582ba8db8209aa93f");
  for (const std::string name : {"", "~", "~primes", "~EDAB56f36d0109b511ead78582ba8db8209aa93f", "\xFF"})
    EXPECT_FALSE(subfeed_hash(name)) << name;
}

}  // namespace
}  // namespace kachery::feed
