#include "hub/gateway/gateway.h"

#include "hub/gateway/gateway_fixture.h"
#include "hub/gateway/routes.h"

namespace kachery::hub {
namespace {

using GatewayTest = HubTest;

const std::string kFind = R"({"zone":"default","digests":[],"channel":null})";

TEST_F(GatewayTest, EveryAnswerSaysHowTheLogKnowsIt) {
  RequestHead about = head(Method::get, "/nowhere");
  const std::string id = about.id;
  const Answer answer = send(std::move(about));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.field("kachery-request"), id);
  EXPECT_EQ(answer.field("cache-control"), "no-store");
  EXPECT_EQ(answer.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.failure().request, id);
  EXPECT_EQ(wire::parse<wire::Failure>(answer.body)->now_ms, now_ms());
}

TEST_F(GatewayTest, SaysWhichMethodsAPathHas) {
  const Answer wrong = send(head(Method::delete_, "/v1/files/find"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("allow"), "POST, OPTIONS");
  const Answer options = send(head(Method::options, "/bucket/x"));
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.field("allow"), "GET, HEAD, PUT, OPTIONS");
  EXPECT_EQ(options.field("access-control-allow-origin"), "");
  EXPECT_EQ(send(head(Method::head, "/healthz")).status, 200);
}

TEST_F(GatewayTest, AnswersAboutItselfToAnybody) {
  EXPECT_EQ(send(head(Method::get, "/healthz")).body, "ok\n");
  EXPECT_EQ(send(head(Method::get, "/readyz")).status, 200);
  const auto info = send(head(Method::get, "/v1/hub")).message<wire::HubInfo>();
  EXPECT_EQ(info.program, "kachery");
  EXPECT_EQ(info.public_urls, std::vector<std::string>{"http://127.0.0.1:8080"});
  EXPECT_EQ(info.now_ms, now_ms());
}

TEST_F(GatewayTest, ShowsMetricsOnlyForTheToken) {
  EXPECT_EQ(send(head(Method::get, "/metrics")).status, 403);
  for (const auto& [token, status] :
       {std::pair("the one for metrics", 200), std::pair("the administrator's", 403)}) {
    RequestHead about = head(Method::get, "/metrics");
    about.fields.add("Authorization", std::string("Bearer ") + token);
    EXPECT_EQ(send(std::move(about)).status, status) << token;
  }
}

// What a signature can be, and what becomes of the request. Each is in the audit log.
TEST_F(GatewayTest, RefusesWhatIsNotSignedRightly) {
  const KeyPair key = KeyPair::generate();
  add_node(key, "alice");
  const auto expect_refused = [this](RequestHead about, const std::string& body, const char* what) {
    const Answer answer = send(std::move(about), body);
    EXPECT_EQ(answer.status, 403) << what << ": " << answer.body;
    EXPECT_NE(audit_lines().find(answer.failure().request), std::string::npos) << what;
  };
  ASSERT_EQ(send(signed_head(key, "/v1/files/find", kFind), kFind).status, 200);

  expect_refused(signed_head(key, "/v1/files/find", kFind), kFind + " ", "another body");
  expect_refused(signed_head(key, "/v1/files/find", kFind), "", "no body");
  expect_refused(signed_head(key, "/v1/files/find", ""), kFind, "a body that is not signed");
  const std::int64_t now_s = now_ms() / 1000;
  expect_refused(signed_head(key, "/v1/files/find", kFind, now_s - 121), kFind, "too old");
  expect_refused(signed_head(key, "/v1/files/find", kFind, now_s + 121), kFind, "too new");
  RequestHead elsewhere = signed_head(key, "/v1/files/list", kFind);
  elsewhere.path = "/v1/files/find";
  expect_refused(elsewhere, kFind, "another path");
  RequestHead query = signed_head(key, "/v1/files/find", kFind);
  query.query = "a=b";
  expect_refused(query, kFind, "another query");
  RequestHead half;
  half = head(Method::post, "/v1/files/find");
  half.fields.add("Signature", "sig=:AAAA:");
  expect_refused(half, kFind, "half a signature");
}

TEST_F(GatewayTest, TakesASignedRequestOnce) {
  const KeyPair key = KeyPair::generate();
  const RequestHead about = signed_head(key, "/v1/files/find", kFind);
  EXPECT_EQ(send(about, kFind).status, 200);
  EXPECT_EQ(send(about, kFind).status, 403);
}

TEST_F(GatewayTest, TakesTokensOnlyWhereTheyAreMeantToBe) {
  EXPECT_EQ(call_with_token("the administrator's", "/v1/nodes/list", wire::ListNodes{}).status, 403);
  EXPECT_EQ(call_with_token("nonsense", "/v1/files/list",
                            wire::ListFiles{.zone = zone_named("default"), .mine = false, .after = {}})
                .status,
            403);
  EXPECT_EQ(call_with_token("the administrator's", "/v1/files/list",
                            wire::ListFiles{.zone = zone_named("default"), .mine = false, .after = {}})
                .status,
            200);
  const KeyPair key = KeyPair::generate();
  RequestHead both = signed_head(key, "/v1/files/find", kFind);
  both.fields.add("Authorization", "Bearer the administrator's");
  EXPECT_EQ(send(both, kFind).status, 400);
  EXPECT_EQ(audit_lines().find("Bearer"), std::string::npos);
}

TEST_F(GatewayTest, RefusesBodiesThatAreTooLongBeforeItHoldsThem) {
  MemoryRequest announced(head(Method::post, "/v1/files/find"), kFind);
  announced.announced = wire::kJsonBodyBytes + 1;
  const Answer answer = send(announced);
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.failure().code, Code::invalid);
  EXPECT_EQ(send(head(Method::get, "/healthz"), "body").status, 413);
}

TEST_F(GatewayTest, RefusesMessagesThatAreNotExactlyThat) {
  for (const char* body : {"", "{}", "[]", R"({"zone":"default","digests":[],"digests":[],"channel":null})",
                           R"({"zone":"default","digests":[],"channel":null,"more":1})", "\xff"}) {
    const Answer answer = send(head(Method::post, "/v1/files/find"), body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_NE(audit_lines().find(answer.failure().request), std::string::npos) << body;
  }
}

class BusyHubTest : public HubTest {
 protected:
  BusyHubTest() : HubTest({.open = false, .address_rate = {1, 3}, .zone_rate = {1e9, 1e9}}) {}
};

TEST_F(BusyHubTest, TellsWhoAsksTooOftenWhenToComeBack) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(head(Method::get, "/healthz")).status, 200);
  const Answer answer = send(head(Method::get, "/healthz"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.field("retry-after"), "1");
  EXPECT_EQ(answer.failure().code, Code::unavailable);
  clock_.now_ms += 1'000;
  EXPECT_EQ(send(head(Method::get, "/healthz")).status, 200);
}

TEST_F(BusyHubTest, TellsTheAuditLogOnceAMinuteWhoAsksTooOften) {
  const auto ask = [&] {
    int refused = 0;
    for (int i = 0; i < 20; ++i) refused += send(head(Method::get, "/healthz")).status == 429 ? 1 : 0;
    return refused;
  };
  const auto lines = [&] {
    const std::string log = audit_lines();
    std::size_t count = 0;
    for (auto at = log.find("too many requests\""); at != log.npos;
         at = log.find("too many requests\"", at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(ask(), 17);
  EXPECT_EQ(lines(), 1U);
  clock_.now_ms += 59'000;
  EXPECT_EQ(ask(), 17);
  EXPECT_EQ(lines(), 1U);
  clock_.now_ms += 61'000;
  EXPECT_EQ(ask(), 17);
  EXPECT_EQ(lines(), 2U);
}

// Else eight that trickle would keep everybody from sending small files.
TEST_F(GatewayTest, ABodyThatTricklesIsRefusedInTime) {
  const std::string body = R"({"zone":"default","digests":[],"channel":null})" + std::string(1'000, ' ');
  MemoryRequest request(head(Method::post, "/v1/files/find"), body, 1);
  const std::int64_t begun = clock_.now_ms;
  request.on_read = [&] { clock_.now_ms += 1'000; };
  const Answer answer = send(request);
  EXPECT_EQ(answer.failure().code, Code::timed_out) << answer.body;
  EXPECT_LE(clock_.now_ms - begun, 70'000);
}

class CountingZoneTest : public HubTest {
 protected:
  CountingZoneTest() : HubTest({.open = false, .address_rate = {1e9, 1e9}, .zone_rate = {10, 100}}) {}
};

TEST_F(CountingZoneTest, CountsEachThingThatIsAskedFor) {
  const wire::Find ninety{.zone = zone_named("default"), .digests = std::vector(90, sha1("x"))};
  EXPECT_EQ(call(nullptr, "/v1/files/find", ninety).status, 200);
  EXPECT_EQ(call(nullptr, "/v1/files/find", ninety).status, 429);
}

// --- Every route, for everybody who may not

// A message that each route understands.
std::string message_for(const std::string& path, const std::string& zone) {
  const std::string in_zone = R"({"zone":")" + zone + R"(",)";
  const std::string sha1_x = "\"sha1:" + std::string(40, 'a') + "\"";
  const std::map<std::string, std::string> messages{
      {"/v1/nodes/register", R"({"label":"","user":null,"invitation":null})"},
      {"/v1/nodes/await", R"({"code":"AAAA-AAAA"})"},
      {"/v1/nodes/approve", R"({"code":"AAAA-AAAA","user":null})"},
      {"/v1/nodes/list", "{}"},
      {"/v1/nodes/revoke", R"({"node":")" + std::string(64, 'a') + "\"}"},
      {"/v1/nodes/whoami", R"({"zone":")" + zone + "\"}"},
      {"/v1/files/find", in_zone + R"("digests":[],"channel":null})"},
      {"/v1/files/chunks", in_zone + R"("file":)" + sha1_x + R"(,"chunks":[],"channel":null})"},
      {"/v1/files/get", in_zone + R"("digests":[],"channel":null})"},
      {"/v1/files/put", in_zone + R"("files":[],"channel":null})" + "\n"},
      {"/v1/files/list", in_zone + R"("mine":true,"after":null})"},
      {"/v1/files/remove", in_zone + R"("digests":[],"everybody":false})"},
      {"/v1/uploads/present", in_zone + R"("files":[],"channel":null})"},
      {"/v1/files/ask", in_zone + R"("digest":)" + sha1_x +
                            R"(,"resource":"data","channel":null,"timeout_ms":0,"ignore_bucket":false})"},
      {"/v1/files/holders", in_zone + R"("digest":)" + sha1_x + R"(,"channel":null})"},
      {"/v1/files/ask/cancel", in_zone + R"("digest":)" + sha1_x + R"(,"resource":"data","channel":null})"},
      {"/v1/resources/register", in_zone + R"("name":"data","proxy_url":null,"older":false})"},
      {"/v1/resources/list", in_zone + R"("name":null})"},
      {"/v1/resources/remove", in_zone + R"("name":"data"})"},
      {"/v1/channels/create", in_zone + R"("name":"rats","description":""})"},
      {"/v1/channels/describe", in_zone + R"("name":"rats","description":""})"},
      {"/v1/channels/delete", in_zone + R"("name":"rats"})"},
      {"/v1/channels/list", in_zone + R"("name":null,"all":true})"},
      {"/v1/channels/members", in_zone + R"("name":"rats"})"},
      {"/v1/channels/grant",
       in_zone + R"("name":"rats","node":")" + std::string(64, 'a') + R"(","roles":[]})"},
      {"/v1/channels/revoke",
       in_zone + R"("name":"rats","node":")" + std::string(64, 'a') + R"(","roles":[]})"},
      {"/v1/channels/invite",
       in_zone + R"("name":"rats","roles":[],"passcode":null,"uses":null,"expires_ms":null})"},
      {"/v1/channels/invitations", in_zone + R"("name":"rats"})"},
      {"/v1/channels/uninvite", in_zone + R"("name":"rats","id":"x"})"},
      {"/v1/channels/join", in_zone + R"("name":"rats","code":"guessed","wanted":null})"},
      {"/v1/channels/set-roles", in_zone + R"("name":"rats","wanted":[]})"},
      {"/v1/channels/leave", in_zone + R"("name":"rats"})"},
      {"/r/", R"({"type":"requestFromClient","resourceName":"data",)" + in_zone.substr(1) +
                  R"("request":{},"timeoutMsec":1})"},
      {"/api", R"({"type":"requestFromClient","resourceName":"data",)" + in_zone.substr(1) +
                   R"("request":{},"timeoutMsec":1})"},
      {"/v1/uploads/begin", in_zone + R"("files":[],"channel":null})"},
      {"/v1/uploads/chunks", in_zone + R"("id":"x","chunks":[],"channel":null})"},
      {"/v1/uploads/commit", in_zone + R"("uploads":[],"channel":null})"},
      {"/v1/uploads/abandon", in_zone + R"("ids":[],"channel":null})"},
  };
  const auto found = messages.find(path);
  return found == messages.end() ? "" : found->second;
}

// A route that forgets to ask would answer 200, 404 or 400 here: in a zone that is private nobody of these
// may do anything.
TEST_F(GatewayTest, NoRouteAnswersBeforeItHasAsked) {
  create_zone("private", "owner", {.public_upload = false, .public_download = false});
  const KeyPair stranger = KeyPair::generate();
  const KeyPair revoked = KeyPair::generate();
  const KeyPair other = KeyPair::generate();
  add_node(revoked, "bob");
  add_node(other, "carol");
  ASSERT_TRUE(catalog().people().revoke_node(revoked.node_id(), now_ms()));
  refresh();

  int asked = 0;
  for (const Route& route : all_routes().all()) {
    const std::string body = message_for(route.path, "private");
    if (route.action == Action::see_hub || route.action == Action::ask_who_i_am) continue;
    if (route.method != Method::post) {
      EXPECT_EQ(send(head(route.method, route.path)).status, 403) << route.path;
      continue;
    }
    if (route.bearer != Bearer::none && body.empty()) continue;  // The administrator's: their tests ask.
    const std::string path = route.path + (route.path == "/r/" ? "data" : "");
    ASSERT_NE(body, "") << route.path << " needs a message here";
    EXPECT_EQ(send(head(Method::post, path), body).status, 403) << route.path << " unsigned";
    EXPECT_EQ(post(&revoked, path, body).status, 403) << route.path << " revoked";
    if (route.action == Action::register_node) continue;
    EXPECT_EQ(post(&stranger, path, body).status, 403) << route.path << " not registered";
    if (route.action == Action::manage_own_nodes) continue;
    EXPECT_EQ(post(&other, path, body).status, 403) << route.path << " of another zone";
    ++asked;
  }
  EXPECT_GE(asked, 10);
}

// A zone that is not there, and one that is not for this node, cannot be told apart.
TEST_F(GatewayTest, HidesWhichZonesThereAre) {
  create_zone("private", "owner", {.public_upload = false, .public_download = false});
  const KeyPair key = KeyPair::generate();
  add_node(key, "alice");
  const auto text = [&](const std::string& zone, const KeyPair* who) {
    std::string message = post(who, "/v1/files/find", message_for("/v1/files/find", zone)).failure().message;
    const std::size_t place = message.find(zone);
    return place == std::string::npos ? message : message.replace(place, zone.size(), "ZONE");
  };
  EXPECT_EQ(text("private", &key), text("nowhere", &key));
  EXPECT_EQ(text("private", nullptr), text("nowhere", nullptr));
}

}  // namespace
}  // namespace kachery::hub
