#include "hub/operations/nonces.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace kachery::hub {
namespace {

constexpr std::int64_t kStart = 1'000'000;

SignedBy signature(std::int64_t created_s, std::uint64_t nonce = 1) {
  static const NodeId node = *NodeId::parse(std::string(64, 'a'));
  return {node, created_s, fmt::format("{:032x}", nonce), std::nullopt};
}

TEST(Nonces, TakeARequestOnce) {
  Nonces nonces(kStart);
  EXPECT_TRUE(nonces.accept(signature(kStart + 1), kStart + 1));
  const auto again = nonces.accept(signature(kStart + 1), kStart + 2);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::denied);
  EXPECT_TRUE(nonces.accept(signature(kStart + 1, 2), kStart + 2)) << "another nonce";
}

// A clock that is off gets told by how much, so that its owner can mend it.
TEST(Nonces, SayByHowMuchTheClocksDiffer) {
  Nonces nonces(kStart);
  const std::int64_t now = kStart + 10'000;
  EXPECT_TRUE(nonces.accept(signature(now - kSignatureWindowS, 1), now));
  EXPECT_TRUE(nonces.accept(signature(now + kSignatureWindowS, 2), now));
  const auto old = nonces.accept(signature(now - kSignatureWindowS - 1, 3), now);
  ASSERT_FALSE(old);
  EXPECT_TRUE(old.error().message.contains("121 s behind")) << old.error().message;
  const auto early = nonces.accept(signature(now + 3600, 4), now);
  ASSERT_FALSE(early);
  EXPECT_TRUE(early.error().message.contains("3600 s ahead of")) << early.error().message;
}

// Somebody who recorded a request before a restart, whose nonces are forgotten, cannot send it again.
TEST(Nonces, RefuseWhatWasSignedBeforeTheStart) {
  Nonces nonces(kStart);
  for (const std::int64_t created : {kStart - 10, kStart}) {
    const auto refused = nonces.accept(signature(created), kStart + 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::denied);
  }
}

// At every moment of the window, and in whatever order: what could still be accepted is still remembered.
TEST(Nonces, RememberAsLongAsARequestIsYoungEnough) {
  Nonces nonces(kStart);
  for (std::int64_t now = kStart + 200; now < kStart + 800; now += 7) {
    const auto nonce = static_cast<std::uint64_t>(now);
    const SignedBy request = signature(now + kSignatureWindowS, nonce);
    EXPECT_TRUE(nonces.accept(request, now));
    for (std::int64_t later = now; later <= now + 2 * kSignatureWindowS + 1; later += 60)
      EXPECT_FALSE(nonces.accept(request, later)) << later - now;
    now += 2 * kSignatureWindowS;
  }
}

TEST(Nonces, KeepToTheirMemoryAndRecover) {
  Nonces nonces(kStart, 3);
  for (std::uint64_t nonce = 0; nonce < 3; ++nonce)
    EXPECT_TRUE(nonces.accept(signature(kStart + 1, nonce), kStart + 1));
  const auto full = nonces.accept(signature(kStart + 1, 3), kStart + 1);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::unavailable);
  const std::int64_t later = kStart + 2 + kSignatureWindowS;
  EXPECT_TRUE(nonces.accept(signature(later, 4), later)) << "the old ones are forgotten";
}

TEST(Nonces, RefuseWhatIsNoNonce) {
  Nonces nonces(kStart);
  SignedBy request = signature(kStart + 1);
  for (const char* wrong :
       {"", "12", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef00"}) {
    request.nonce = wrong;
    EXPECT_FALSE(nonces.accept(request, kStart + 1)) << wrong;
  }
}

}  // namespace
}  // namespace kachery::hub
