#include "hub/gateway/node_handlers.h"

#include <algorithm>

#include "hub/gateway/gateway_fixture.h"

namespace kachery::hub {
namespace {

wire::Register plain(const std::string& label = "laptop") {
  return {.label = label, .user = {}, .invitation = {}};
}

class NodeRoutesTest : public HubTest {
 protected:
  NodeRoutesTest() { add_node(alices, "alice"); }
  using HubTest::HubTest;

  wire::Registration register_node(const KeyPair& key, const wire::Register& message = plain()) {
    return call(&key, "/v1/nodes/register", message).message<wire::Registration>();
  }
  wire::WhoAmI who_is(const KeyPair* key, const char* zone = "default") {
    return call(key, "/v1/nodes/whoami", wire::AskWhoAmI{zone_named(zone)}).message<wire::WhoAmI>();
  }

  const KeyPair alices = KeyPair::generate();
  const KeyPair laptop = KeyPair::generate();
};

TEST_F(NodeRoutesTest, ANewNodeWaitsUntilItsUserApproves) {
  const wire::Registration waiting = register_node(laptop);
  EXPECT_FALSE(waiting.registered);
  ASSERT_TRUE(waiting.code);
  EXPECT_EQ(waiting.code->size(), 9U);
  EXPECT_EQ(waiting.link, "http://127.0.0.1:8080/register/" + *waiting.code);
  EXPECT_EQ(waiting.expires_ms, now_ms() + 15 * 60 * 1000);
  EXPECT_FALSE(who_is(&laptop).registered);

  const Answer approved = call(&alices, "/v1/nodes/approve", wire::Approve{*waiting.code, {}});
  EXPECT_EQ(approved.message<wire::Node>().node, laptop.node_id());
  const wire::WhoAmI who = who_is(&laptop);
  EXPECT_TRUE(who.registered);
  EXPECT_EQ(who.user, user("alice"));
  EXPECT_EQ(who.label, "laptop");
  EXPECT_EQ(call(&alices, "/v1/nodes/approve", wire::Approve{*waiting.code, {}}).status, 404) << "twice";
  EXPECT_EQ(register_node(laptop).user, user("alice")) << "whoever is registered hears it again";
}

TEST_F(NodeRoutesTest, NobodyApprovesForSomebodyElse) {
  wire::Register message = plain();
  message.user = user("bob");
  const wire::Registration waiting = register_node(laptop, message);
  EXPECT_EQ(call(&alices, "/v1/nodes/approve", wire::Approve{*waiting.code, {}}).status, 403);
  EXPECT_EQ(call(&alices, "/v1/nodes/approve", wire::Approve{*waiting.code, user("bob")}).status, 403);
  EXPECT_EQ(call(&laptop, "/v1/nodes/approve", wire::Approve{*waiting.code, {}}).status, 403);
  EXPECT_FALSE(who_is(&laptop).registered);
}

TEST_F(NodeRoutesTest, ACodeEndsAfterAQuarterOfAnHour) {
  const wire::Registration waiting = register_node(laptop);
  clock_.now_ms += 15 * 60 * 1000 + 1;
  EXPECT_EQ(call(&alices, "/v1/nodes/approve", wire::Approve{*waiting.code, {}}).status, 404);
  EXPECT_EQ(send(head(Method::get, "/register/" + *waiting.code)).status, 404);
}

TEST_F(NodeRoutesTest, AnInvitationRegistersAtOnceAndOnlyAsOftenAsItSays) {
  const Digest token = sha256("kachery-invitation-1");
  ASSERT_TRUE(catalog().people().add_invitation({.token_hash = token,
                                                 .user = user("dora"),
                                                 .uses_left = 1,
                                                 .expires_ms = now_ms() + 1'000,
                                                 .zone = {},
                                                 .rights = {}}));
  wire::Register message = plain();
  message.invitation = "kachery-invitation-1";
  const wire::Registration registration = register_node(laptop, message);
  EXPECT_TRUE(registration.registered);
  EXPECT_EQ(registration.user, user("dora"));
  const KeyPair second = KeyPair::generate();
  EXPECT_EQ(call(&second, "/v1/nodes/register", message).status, 403);
  EXPECT_EQ(audit_lines().find("kachery-invitation-1"), std::string::npos);
}

TEST_F(NodeRoutesTest, LabelsAreOneShortLine) {
  EXPECT_EQ(call(&laptop, "/v1/nodes/register", plain("two\nlines")).status, 400);
  EXPECT_EQ(call(&laptop, "/v1/nodes/register", plain(std::string(201, 'x'))).status, 400);
}

TEST_F(NodeRoutesTest, ThePageShowsOnlyTextOfTheLabel) {
  const wire::Registration waiting = register_node(laptop, plain("<script>alert('x')</script>"));
  const Answer page = send(head(Method::get, "/register/" + *waiting.code));
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("&lt;script&gt;"), std::string::npos);
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  EXPECT_NE(page.body.find(laptop.node_id().hex()), std::string::npos);
  EXPECT_NE(page.field("content-security-policy").find("default-src 'none'"), std::string::npos);
}

TEST_F(NodeRoutesTest, WhoeverAwaitsHearsOfTheApproval) {
  const wire::Registration waiting = register_node(laptop);
  std::thread approves([&] { call(&alices, "/v1/nodes/approve", wire::Approve{*waiting.code, {}}); });
  const Answer answer = call(&laptop, "/v1/nodes/await", wire::AwaitRegistration{*waiting.code});
  approves.join();
  EXPECT_EQ(answer.field("content-type"), "application/x-ndjson");
  ASSERT_TRUE(answer.body.ends_with("\n"));
  const std::size_t last = answer.body.rfind('\n', answer.body.size() - 2);
  const std::string line = answer.body.substr(last == std::string::npos ? 0 : last + 1);
  const auto registration =
      wire::parse<wire::Registration>(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(registration) << answer.body;
  EXPECT_TRUE(registration->registered);
  EXPECT_EQ(registration->user, user("alice"));
}

TEST_F(NodeRoutesTest, NobodyAwaitsTheRegistrationOfAnother) {
  const wire::Registration waiting = register_node(laptop);
  const KeyPair other = KeyPair::generate();
  EXPECT_EQ(call(&other, "/v1/nodes/await", wire::AwaitRegistration{*waiting.code}).status, 404);
}

TEST_F(NodeRoutesTest, ARevokedNodeIsRefusedAtOnceAndForGood) {
  add_node(laptop, "alice");
  ASSERT_EQ(call(&alices, "/v1/nodes/revoke", wire::RevokeNode{laptop.node_id()}).status, 200);
  EXPECT_EQ(call(&laptop, "/v1/nodes/list", wire::ListNodes{}).status, 403);
  EXPECT_EQ(call(&laptop, "/v1/nodes/register", plain()).status, 403);
  const auto nodes = call(&alices, "/v1/nodes/list", wire::ListNodes{}).message<wire::NodeList>().nodes;
  EXPECT_EQ(nodes.size(), 2U);
  EXPECT_EQ(std::ranges::count_if(nodes, [](const wire::Node& node) { return node.revoked_ms.has_value(); }),
            1);
}

TEST_F(NodeRoutesTest, NobodyRevokesTheNodesOfOthers) {
  const KeyPair bobs = KeyPair::generate();
  add_node(bobs, "bob");
  EXPECT_EQ(call(&alices, "/v1/nodes/revoke", wire::RevokeNode{bobs.node_id()}).status, 404);
  EXPECT_EQ(call(&alices, "/v1/nodes/revoke", wire::RevokeNode{laptop.node_id()}).status, 404);
  EXPECT_TRUE(who_is(&bobs).registered);
}

TEST_F(NodeRoutesTest, WhoAmISaysWhatOneMayDo) {
  const wire::WhoAmI nobody = who_is(nullptr);
  EXPECT_FALSE(nobody.node);
  EXPECT_EQ(nobody.rights, (wire::Rights{false, true, false}));
  EXPECT_EQ(who_is(&alices).rights, (wire::Rights{false, true, false}));
  EXPECT_EQ(who_is(&alices, "nowhere").rights, (wire::Rights{false, false, false}));
  const KeyPair owner = KeyPair::generate();
  add_node(owner, "owner");
  EXPECT_EQ(who_is(&owner).rights, (wire::Rights{true, true, true}));
}

class OpenHubTest : public HubTest {
 protected:
  OpenHubTest() : HubTest({.open = true, .address_rate = {1e9, 1e9}, .zone_rate = {1e9, 1e9}}) {}
};

TEST_F(OpenHubTest, TheFirstSignedRequestRegistersItsKey) {
  const KeyPair key = KeyPair::generate();
  EXPECT_EQ(call(&key, "/v1/nodes/list", wire::ListNodes{}).message<wire::NodeList>().nodes.size(), 1U);
  const auto who =
      call(&key, "/v1/nodes/whoami", wire::AskWhoAmI{zone_named("default")}).message<wire::WhoAmI>();
  EXPECT_EQ(who.user, user("node-" + key.node_id().hex().substr(0, 12)));
}

// Whoever could name another user would get that one's files.
TEST_F(OpenHubTest, NobodyBecomesANodeOfSomebodyElse) {
  const KeyPair key = KeyPair::generate();
  wire::Register message = plain();
  message.user = user("owner");
  const auto registration = call(&key, "/v1/nodes/register", message).message<wire::Registration>();
  EXPECT_TRUE(registration.registered);
  EXPECT_EQ(registration.user, user("node-" + key.node_id().hex().substr(0, 12)));
}

}  // namespace
}  // namespace kachery::hub
