#include "hub/catalog/people.h"

#include "crypto/hasher.h"
#include "hub/catalog/catalog_fixture.h"

namespace kachery::hub {
namespace {

Digest token(std::string_view text) {
  return Hasher::of(Algorithm::sha256, as_bytes(text));
}

class PeopleTest : public CatalogTest {
 protected:
  InvitationRecord invitation(std::string_view text, std::uint64_t uses) {
    return {token(text), user("alice"), uses, kNow + kHourMs, std::nullopt, {}};
  }
  People& people() { return catalog_->people(); }
};

TEST_F(PeopleTest, UsersAndNodesAreListed) {
  must(people().create_user(user("bob"), kNow));
  EXPECT_TRUE(fault(people().create_user(user("bob"), kNow)).starts_with("exists"));
  must(people().add_node(node(1), user("alice"), "one", kNow + 1));
  must(people().add_node(node(2), user("alice"), "two", kNow + 2));
  must(people().revoke_node(node(2), kNow + 3));
  must(people().revoke_node(node(2), kNow + 4));
  EXPECT_TRUE(fault(people().revoke_node(node(9), kNow)).starts_with("not_found"));
  const auto users = must(people().users());
  ASSERT_EQ(users.size(), 2U);
  EXPECT_EQ(users[0].user, user("alice"));
  EXPECT_EQ(users[0].nodes, 1U) << "one of the two was revoked";
  EXPECT_EQ(users[1].nodes, 0U);
  const auto nodes = must(people().nodes(user("alice")));
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].label, "one");
  EXPECT_EQ(nodes[1].revoked_ms, kNow + 3) << "the first time counts";
  EXPECT_TRUE(must(people().nodes(user("bob"))).empty());
  EXPECT_EQ(must(people().nodes(std::nullopt)).size(), 2U);
}

TEST_F(PeopleTest, ANodeHasOneUserForGood) {
  must(people().add_node(node(1), user("alice"), "one", kNow));
  must(people().add_node(node(1), user("alice"), "renamed", kNow));
  EXPECT_EQ(must(people().nodes(std::nullopt)).at(0).label, "renamed");
  EXPECT_TRUE(fault(people().add_node(node(1), user("bob"), "", kNow)).starts_with("exists"));
  must(people().revoke_node(node(1), kNow));
  EXPECT_TRUE(fault(people().add_node(node(1), user("alice"), "", kNow)).starts_with("denied"));
  EXPECT_EQ(must(people().users()).size(), 1U) << "a refusal makes no user";
}

TEST_F(PeopleTest, AnInvitationIsUsedUp) {
  must(people().create_user(user("alice"), kNow));
  must(catalog_->zones().create_zone(zone("lab"), user("alice"), kNow));
  InvitationRecord one = invitation("secret", 2);
  one.user = user("carol");
  one.zone = zone("lab");
  one.rights = {.upload = true};
  must(people().add_invitation(one));
  EXPECT_EQ(must(people().redeem(one.token_hash, node(1), "a", kNow)), user("carol"));
  EXPECT_EQ(must(people().redeem(one.token_hash, node(1), "a", kNow)), user("carol"))
      << "whoever did not get the answer asks again, and has used it once";
  EXPECT_EQ(must(people().redeem(one.token_hash, node(2), "b", kNow)), user("carol"));
  EXPECT_TRUE(fault(people().redeem(one.token_hash, node(3), "c", kNow)).starts_with("denied"));
  const Facts facts = must(catalog_->facts());
  EXPECT_EQ(facts.nodes.size(), 2U);
  EXPECT_EQ(facts.zones.at(zone("lab")).settings.users.at(user("carol")), (UserRights{.upload = true}));
}

TEST_F(PeopleTest, AnInvitationAddsRightsAndTakesNone) {
  must(people().create_user(user("alice"), kNow));
  must(catalog_->zones().create_zone(zone("lab"), user("alice"), kNow));
  must(catalog_->zones().set_settings(zone("lab"), {false, false, {{user("alice"), {.admin = true}}}}));
  InvitationRecord one = invitation("secret", 1);
  one.zone = zone("lab");
  one.rights = {.download = true};
  must(people().add_invitation(one));
  must(people().redeem(one.token_hash, node(1), "", kNow));
  EXPECT_EQ(must(catalog_->facts()).zones.at(zone("lab")).settings.users.at(user("alice")),
            (UserRights{false, true, true}));
}

TEST_F(PeopleTest, AnInvitationThatFailsIsNotUsed) {
  must(people().add_node(node(1), user("bob"), "", kNow));
  must(people().add_invitation(invitation("secret", 1)));
  EXPECT_TRUE(fault(people().redeem(token("secret"), node(1), "", kNow)).starts_with("exists"));
  EXPECT_EQ(must(people().redeem(token("secret"), node(2), "", kNow)), user("alice"));
}

TEST_F(PeopleTest, AnInvitationEndsByTimeOrRevocation) {
  must(people().add_invitation(invitation("late", 1)));
  must(people().add_invitation(invitation("revoked", 1)));
  EXPECT_EQ(must(people().invitations(kNow)).size(), 2U);
  EXPECT_TRUE(fault(people().redeem(token("late"), node(1), "", kNow + kHourMs)).starts_with("denied"));
  must(people().revoke_invitation(token("revoked").hex().substr(0, 12)));
  EXPECT_TRUE(
      fault(people().revoke_invitation(token("revoked").hex().substr(0, 12))).starts_with("not_found"));
  EXPECT_TRUE(fault(people().redeem(token("revoked"), node(1), "", kNow)).starts_with("denied"));
  EXPECT_TRUE(fault(people().redeem(token("never"), node(1), "", kNow)).starts_with("denied"));
  const auto left = must(people().invitations(kNow));
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].token_hash, token("late"));
  EXPECT_TRUE(must(people().invitations(kNow + kHourMs)).empty());
  InvitationRecord nowhere = invitation("nowhere", 1);
  nowhere.zone = zone("nowhere");
  EXPECT_TRUE(fault(people().add_invitation(nowhere)).starts_with("not_found"));
}

TEST_F(PeopleTest, APendingNodeIsApprovedOnce) {
  must(people().add_pending({"AAAA-BBBB", node(1), "old", std::nullopt, kNow + kHourMs}, kNow));
  must(people().add_pending({"CCCC-DDDD", node(1), "new", user("bob"), kNow + kHourMs}, kNow));
  EXPECT_TRUE(fault(people().pending("AAAA-BBBB", kNow)).starts_with("not_found"));
  const PendingRecord pending = must(people().pending("CCCC-DDDD", kNow));
  EXPECT_EQ(pending.node, node(1));
  EXPECT_EQ(pending.label, "new");
  EXPECT_EQ(pending.user, user("bob"));
  EXPECT_TRUE(fault(people().pending("CCCC-DDDD", kNow + kHourMs)).starts_with("not_found"));
  EXPECT_TRUE(fault(people().approve("CCCC-DDDD", user("bob"), kNow + kHourMs)).starts_with("not_found"));
  EXPECT_EQ(must(people().approve("CCCC-DDDD", user("bob"), kNow)).node, node(1));
  EXPECT_TRUE(fault(people().approve("CCCC-DDDD", user("bob"), kNow)).starts_with("not_found"));
  EXPECT_EQ(must(people().nodes(user("bob"))).at(0).label, "new");
}

// `kachery init` that was stopped, and run again: the link that somebody was sent still counts.
TEST_F(PeopleTest, WhoAsksAgainForTheSameKeepsTheCode) {
  const auto ask = [&](const std::string& code, const std::string& label, std::int64_t now_ms) {
    return must(people().add_pending({code, node(1), label, std::nullopt, now_ms + kHourMs}, now_ms));
  };
  EXPECT_EQ(ask("AAAA-BBBB", "label", kNow).code, "AAAA-BBBB");
  EXPECT_EQ(ask("CCCC-DDDD", "label", kNow + kHourMs - 1).code, "AAAA-BBBB");
  EXPECT_EQ(must(people().pending("AAAA-BBBB", kNow + kHourMs - 1)).expires_ms, kNow + kHourMs);
  EXPECT_EQ(ask("EEEE-FFFF", "label", kNow + kHourMs).code, "EEEE-FFFF") << "that one had expired";
  EXPECT_EQ(ask("GGGG-HHHH", "another label", kNow + kHourMs).code, "GGGG-HHHH");
}

TEST_F(PeopleTest, NotEverybodyMayWaitAtOnce) {
  for (int i = 0; i < 200; ++i) {
    NodeId::Key key{};
    key[0] = static_cast<std::byte>(i & 0xFF);
    key[1] = static_cast<std::byte>(i >> 8);
    must(people().add_pending({"code" + std::to_string(i), NodeId(key), "", std::nullopt, kNow + kHourMs},
                              kNow));
  }
  const NodeId late = *NodeId::parse(std::string(64, 'f'));
  EXPECT_TRUE(fault(people().add_pending({"late", late, "", std::nullopt, kNow + kHourMs}, kNow))
                  .starts_with("unavailable"));
  must(people().add_pending({"again", node(0), "", std::nullopt, kNow + kHourMs}, kNow));
}

}  // namespace
}  // namespace kachery::hub
