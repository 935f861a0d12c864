#include "crypto/key_pair.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <type_traits>

#include "crypto/hasher.h"

namespace kachery {
namespace {

std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  EXPECT_TRUE(from_hex(hex, bytes)) << hex;
  return bytes;
}

std::string vectors(const std::string& name) {
  std::ifstream file(std::string(KACHERY_VECTORS) + "/" + name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Signed {
  const char* seed;
  const char* key;
  const char* message;
  const char* signature;
};

// RFC 8032, section 7.1: tests 1, 2 and 3.
TEST(KeyPair, GivesThePublishedKeysAndSignatures) {
  for (const Signed& v :
       {Signed{
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"},
        Signed{
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"},
        Signed{
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"}}) {
    const KeyPair pair(bytes_of(v.seed));
    EXPECT_EQ(pair.node_id().hex(), v.key);
    const auto message = bytes_of(v.message);
    EXPECT_EQ(to_hex(pair.sign(message)), v.signature);
    EXPECT_TRUE(verify(pair.node_id(), message, bytes_of(v.signature)));
    EXPECT_EQ(to_hex(pair.seed()), v.seed);
  }
}

// gen1 signs the SHA-1 of canonical JSON; these were made by its daemon.
TEST(KeyPair, SignsAsTheFirstGenerationDid) {
  std::string seed;
  for (int i = 0; i < 32; ++i) seed += static_cast<char>(i);
  const KeyPair pair(as_bytes(seed));
  EXPECT_EQ(pair.node_id().hex(), "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
  const Digest digest = Hasher::of(
      Algorithm::sha1, as_bytes(R"({"message":{"n":1,"p":2},"messageNumber":0,"timestamp":1600000000000})"));
  EXPECT_EQ(digest.hex(), "75833df76feb3fa941ae239f0ab09dfdd631d51a");
  EXPECT_EQ(
      to_hex(pair.sign(digest.bytes())),
      "2f2ae73578f25181f171aac12692c27b0ce217f95aa4b8ccf9f310df4be0fd6fa18307ef773a748019987eb5551ea6840f01"
      "d5fe763f7d182edafcc494f3c00b");
}

TEST(KeyPair, IsKnownByTheClientIdOfTheSecondGeneration) {
  const KeyPair pair(bytes_of("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"));
  EXPECT_EQ(pair.node_id().hex(), "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664");
}

TEST(KeyPair, OfTwoNodesAreNeverTheSame) {
  EXPECT_NE(KeyPair::generate().node_id(), KeyPair::generate().node_id());
  static_assert(!std::is_copy_constructible_v<KeyPair> && !std::is_copy_assignable_v<KeyPair>);
}

// Flips every bit of the key, the message and the signature.
TEST(Verify, RefusesWhateverWasAltered) {
  const KeyPair pair = KeyPair::generate();
  const auto message = bytes_of("0123456789abcdef");
  const Signature signature = pair.sign(message);
  ASSERT_TRUE(verify(pair.node_id(), message, signature));
  const auto flipped = [](auto bytes, std::size_t bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    return bytes;
  };
  NodeId::Key key{};
  std::ranges::copy(pair.node_id().bytes(), key.begin());
  for (std::size_t bit = 0; bit < 8 * key.size(); ++bit)
    EXPECT_FALSE(verify(NodeId(flipped(key, bit)), message, signature)) << bit;
  for (std::size_t bit = 0; bit < 8 * message.size(); ++bit)
    EXPECT_FALSE(verify(pair.node_id(), flipped(message, bit), signature)) << bit;
  for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit)
    EXPECT_FALSE(verify(pair.node_id(), message, flipped(signature, bit))) << bit;
  EXPECT_FALSE(verify(pair.node_id(), message, ByteView(signature).first(63)));
  EXPECT_FALSE(verify(pair.node_id(), message, {}));
}

// tests/vectors/README.md. The files are read by the order of their members, which never changes.
TEST(Verify, AgreesWithProjectWycheproof) {
  const std::string text = vectors("wycheproof-ed25519.json");
  const std::regex member(R"re("(pk|msg|sig|result)": ?"([0-9a-z]*)")re");
  std::optional<NodeId> key;
  std::vector<std::byte> message;
  std::vector<std::byte> signature;
  int tests = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), member), end; it != end; ++it) {
    const std::string name = (*it)[1];
    const std::string value = (*it)[2];
    if (name == "pk") key = *NodeId::parse(value);
    if (name == "msg") message = bytes_of(value);
    if (name == "sig") signature = bytes_of(value);
    if (name != "result") continue;
    ++tests;
    EXPECT_EQ(verify(*key, message, signature), value == "valid") << "test " << tests;
  }
  EXPECT_EQ(tests, 151);
}

// Where verifiers of other people disagree with each other: the strict verdict takes case 3 alone.
TEST(Verify, IsStrictInTheDisputedCases) {
  const std::string text = vectors("ed25519-speccheck-cases.json");
  const std::regex row(R"re("message":"([0-9a-f]*)","pub_key":"([0-9a-f]*)","signature":"([0-9a-f]*)")re");
  int cases = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), row), end; it != end; ++it, ++cases)
    EXPECT_EQ(verify(*NodeId::parse((*it)[2].str()), bytes_of((*it)[1].str()), bytes_of((*it)[3].str())),
              cases == 3)
        << "case " << cases;
  EXPECT_EQ(cases, 12);
}

}  // namespace
}  // namespace kachery
