#include "crypto/hmac.h"

#include <gtest/gtest.h>

#include <string>

namespace kachery {
namespace {

struct Vector {
  std::string key;
  std::string message;
  const char* mac;
};

// RFC 4231, test cases 1 to 4, 6 and 7.
TEST(Hmac, IsThePublishedOne) {
  std::string counting;
  for (char c = 1; c <= 25; ++c) counting += c;
  for (const Vector& v :
       {Vector{std::string(20, '\x0b'), "Hi There",
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        Vector{"Jefe", "what do ya want for nothing?",
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        Vector{std::string(20, '\xaa'), std::string(50, '\xdd'),
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        Vector{counting, std::string(50, '\xcd'),
               "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        Vector{std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        Vector{std::string(131, '\xaa'),
               "This is a test using a larger than block-size key and a larger than block-size data. The key "
               "needs to be hashed before being used by the HMAC algorithm.",
               "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}})
    EXPECT_EQ(to_hex(hmac_sha256(as_bytes(v.key), as_bytes(v.message))), v.mac);
}

TEST(Hmac, OfNothingWithAnEmptyKeyIsOneToo) {
  EXPECT_EQ(to_hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// Against Python's hmac: a key of one block is used as it is, a longer one is hashed first.
TEST(Hmac, TakesKeysAroundTheSizeOfABlock) {
  for (const auto& [size, mac] :
       {std::pair{63U, "e27efa30bcbfbc25b4d936ffd8553392f398eb2edada1dac2423a961af0c305b"},
        std::pair{64U, "890f3a16e0ca0aaa3bf180f70fa8e3970b3fd6505e98fde157988dcc19d1685c"},
        std::pair{65U, "0c256505306af48015530c139bb7add5ad7a6a9291cd511278a067e765816fbd"}})
    EXPECT_EQ(to_hex(hmac_sha256(as_bytes(std::string(size, 'k')), as_bytes("message"))), mac) << size;
}

TEST(EqualInConstantTime, SeesEveryDifference) {
  const std::string text = "some bytes";
  EXPECT_TRUE(equal_in_constant_time(as_bytes(text), as_bytes(std::string(text))));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  EXPECT_FALSE(equal_in_constant_time(as_bytes(text), as_bytes("some byte")));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(equal_in_constant_time(as_bytes(text), as_bytes(other))) << i;
  }
}

}  // namespace
}  // namespace kachery
