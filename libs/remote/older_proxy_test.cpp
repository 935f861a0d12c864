// What somebody may rely on who asks through a proxy of gen2, whichever of the proxies that there were.
#include "remote/older_proxy.h"

#include <gtest/gtest.h>

#include "remote/fake_hub.h"
#include "wire/legacy/proxy.h"

namespace kachery::remote {
namespace {

using std::chrono::milliseconds;

Response json_answer(int status, std::string body) {
  Response response = FakeHub::json(std::move(body));
  response.status = status;
  return response;
}

std::string envelope(const std::string& response, const std::string& more = "") {
  return R"({"type":"responseToClient","requestId":"abcdefghij","response":)" + response + more + "}";
}

std::string upload(const std::string& status, const std::string& more = "") {
  return R"({"type":"fileUpload","status":{"status":")" + status + "\"" + more + "}}";
}

class OlderProxyTest : public testing::Test {
 protected:
  Result<wire::AskState> ask(milliseconds timeout = milliseconds(0), const std::string& path = "/r/lab",
                             Algorithm algorithm = Algorithm::sha1) {
    return ask_older_proxy(
        {.resource_url = Url::parse(proxy_.url().str() + path).value(),
         .resource = ResourceName::parse("lab").value(),
         .zone = ZoneName::parse("our-zone").value(),
         .digest = Hasher::of(algorithm, as_bytes("x")),
         .timeout = timeout},
        [&](const wire::AskState& state) { told_.push_back(state.state); }, cancel_);
  }
  void answer(int status, const std::string& body) {
    proxy_.set_script([=](const RequestHead&, const std::string&) { return json_answer(status, body); });
  }

  FakeHub proxy_;
  std::vector<std::string> told_;
  std::atomic<bool> cancel_ = false;
};

TEST_F(OlderProxyTest, AsksWithTheVeryMembersOfItsGenerationAndUnsigned) {
  std::string asked;
  bool has_secret = true;
  proxy_.set_script([&](const RequestHead& head, const std::string& body) {
    asked = head.path + " " + body;
    has_secret = head.fields.find("signature") != nullptr || head.fields.find("authorization") != nullptr;
    return json_answer(200, envelope(upload("completed", R"(,"size":5,"bytesUploaded":5)")));
  });
  const auto state = ask(milliseconds(3'000));
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->state, "completed");
  EXPECT_EQ(state->size, 5U);
  EXPECT_FALSE(has_secret);
  EXPECT_TRUE(
      asked.starts_with(R"(/r/lab {"type":"requestFromClient","resourceName":"lab","zone":"our-zone",)"
                        R"("request":{"type":"fileUpload","uri":"sha1://)"))
      << asked;
  const auto body = wire::parse<wire::legacy::RequestFromClient>(asked.substr(asked.find('{')));
  ASSERT_TRUE(body) << body.error().message;
  const auto inner = wire::from_json<wire::legacy::FileUploadRequest>(body->request, "");
  ASSERT_TRUE(inner && inner->timeout_msec);
  EXPECT_LE(*inner->timeout_msec, milliseconds(3'000));
  EXPECT_EQ(body->timeout_msec - *inner->timeout_msec, milliseconds(5'000));
}

TEST_F(OlderProxyTest, UnderstandsTheEnvelopeAndWhatComesWithoutOne) {
  for (const auto& [given, expected] :
       std::vector<std::pair<std::string, std::string>>{{"not-found", "not_found"},
                                                        {"queued", "queued"},
                                                        {"running", "running"},
                                                        {"completed", "completed"}})
    for (const std::string& body : {upload(given), envelope(upload(given))}) {
      answer(200, body);
      const auto state = ask();
      ASSERT_TRUE(state) << state.error().message;
      EXPECT_EQ(state->state, expected);
    }
  answer(200, envelope(upload("error", R"(,"error":"no space")")));
  const auto failed = ask();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->state, "error");
  EXPECT_TRUE(failed->message->contains("no space"));
}

TEST_F(OlderProxyTest, AsksProxiesWithoutNamesInTheirPathsInTheirWay) {
  std::string body_of_api;
  proxy_.set_script([&](const RequestHead& head, const std::string& body) {
    if (head.path == "/api") body_of_api = body;
    if (head.path == "/api") return json_answer(200, envelope(upload("completed")));
    return Response{404, {{"Content-Type", "text/html"}}, "<pre>Cannot POST /r/lab</pre>"};
  });
  ASSERT_TRUE(ask());
  EXPECT_FALSE(body_of_api.contains("zone")) << body_of_api;
  EXPECT_EQ(body_of_api.find("timeoutMsec"), body_of_api.rfind("timeoutMsec")) << body_of_api;
  const auto elsewhere = ask(milliseconds(0), "/somewhere");
  EXPECT_TRUE(elsewhere.error().message.contains("PROXY/r/NAME")) << elsewhere.error().message;
}

TEST_F(OlderProxyTest, EveryRefusalSaysWhatToDo) {
  struct Case {
    int status;
    std::string body;
    Code code;
    std::string says;
  };
  for (const Case& one :
       {Case{404, R"({"message":"resource not found: lab"})", Code::unavailable, "not connected"},
        Case{504, R"({"message":"timeout waiting for response"})", Code::timed_out, "did not answer"},
        Case{500, R"({"message":"Zone mismatch: a <> b"})", Code::denied, "KACHERY_ZONE"},
        Case{400, R"({"message":"invalid request"})", Code::unavailable, "invalid request"},
        Case{502, "<html>", Code::unavailable, "502"},
        Case{200, "{}", Code::unavailable, "does not pass on why"},
        Case{200, envelope("{}", R"(,"error":"Invalid URI")"), Code::unavailable, "Invalid URI"},
        Case{200, envelope(upload("frobnicated")), Code::unavailable, "frobnicated"},
        Case{200, "[]", Code::unavailable, "no JSON object"},
        Case{200, std::string(2 << 20, ' '), Code::unavailable, "too long"},
        Case{302, "", Code::unavailable, "302"}}) {
    answer(one.status, one.body);
    const auto failed = ask();
    ASSERT_FALSE(failed) << one.status;
    EXPECT_EQ(failed.error().code, one.code) << failed.error().message;
    EXPECT_TRUE(failed.error().message.contains(one.says)) << failed.error().message;
  }
  EXPECT_EQ(ask(milliseconds(0), "/r/lab", Algorithm::sha256).error().code, Code::invalid);
}

TEST_F(OlderProxyTest, GoesOnAskingUntilItIsDone) {
  int asked = 0;
  proxy_.set_script([&](const RequestHead&, const std::string&) {
    return ++asked == 2 ? json_answer(502, "restarting")
                        : json_answer(200, envelope(upload(asked < 3 ? "running" : "completed")));
  });
  const auto state = ask(milliseconds(30'000));
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->state, "completed");
  EXPECT_EQ(told_, (std::vector<std::string>{"running", "completed"}));
}

TEST_F(OlderProxyTest, NothingGoesInTheClearToOtherMachines) {
  const auto asked = ask_older_proxy(
      {.resource_url = Url::parse("http://192.0.2.1:99/r/lab").value(),
       .resource = ResourceName::parse("lab").value(),
       .zone = ZoneName::parse("default").value(),
       .digest = Hasher::of(Algorithm::sha1, as_bytes("x")),
       .timeout = milliseconds(0)},
      [](const wire::AskState&) {}, cancel_);
  EXPECT_EQ(asked.error().code, Code::invalid);
  EXPECT_TRUE(asked.error().message.contains("KACHERY_INSECURE_HTTP")) << asked.error().message;
}

}  // namespace
}  // namespace kachery::remote
