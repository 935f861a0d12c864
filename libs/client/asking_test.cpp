// Whom a session asks for what its zone does not have, and what becomes of the answer.
#include "client/asking.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "client/session.h"
#include "os/random.h"
#include "remote/fake_hub.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// A hub whose resource "lab" has one file, and a proxy of gen2 whose resource has it, too. The zone has it
// once one of them was asked.
class AskingTest : public testing::Test {
 protected:
  AskingTest() {
    fs::create_directories(home_);
    digest_ = hub_.add(content_);
    hub_.set_script([this](const RequestHead& head, const std::string& body) { return serve(head, body); });
    proxy_.set_script([this](const RequestHead& head, const std::string&) {
      proxy_asked_ = head.path;
      proxy_saw_secret_ = head.fields.find("signature") != nullptr;
      is_uploaded_ = true;
      return FakeHub::json(R"({"type":"fileUpload","status":{"status":"completed"}})");
    });
  }
  ~AskingTest() override {
    ::unsetenv("KACHERY_RESOURCE_URL");
    fs::remove_all(home_);
  }

  Session machine() {
    Configuration configuration{home_ / "b", "test"};
    configuration.state_directory = home_ / "state";
    configuration.gateway_url = {hub_.url().str(), "test"};
    return Session(configuration);
  }
  Result<Located> load(const std::optional<Asking>& asking) {
    Session session = machine();
    return session.locate(Uri{digest_, ""}.str(), {.asking = asking}, progress_);
  }
  Result<wire::AskState> ask(const Asking& asking) {
    return machine().ask(digest_, asking, {}, [](const wire::AskState&) {}, progress_);
  }
  std::string resource_url(FakeHub& at) { return at.url().str() + "/r/lab"; }
  std::size_t asks() { return hub_.count("/v1/files/ask"); }

  FakeHub hub_;
  FakeHub proxy_;
  fs::path home_ = fs::path(testing::TempDir()) / ("asking_test_" + random_hex(8));
  std::string content_ = "hosted elsewhere";
  Digest digest_ = Hasher::of(Algorithm::sha1, as_bytes(content_));
  Progress progress_;
  bool is_registered_ = true;
  std::optional<std::string> proxy_url_;
  wire::AskState answer_{"completed", 16, 16, {}, {}};
  bool is_uploaded_ = false;
  bool uploads_ = true;
  std::string asked_;
  std::string proxy_asked_;
  bool proxy_saw_secret_ = true;

 private:
  std::optional<Response> serve(const RequestHead& head, const std::string& body) {
    if (head.path == "/v1/files/find" && !is_uploaded_)
      return FakeHub::json(wire::print(wire::FoundFiles{{std::nullopt}, 4'000'000'000'000}));
    if (head.path == "/v1/resources/list") {
      const auto question = wire::parse<wire::ListResources>(body);
      wire::ResourceList list;
      if (is_registered_)
        list.resources.push_back({*question->name, KeyPair::generate().node_id(),
                                  UserName::parse("alice").value(), proxy_url_, false, true, 0});
      return FakeHub::json(wire::print(list));
    }
    if (head.path == "/v1/files/ask/cancel") return FakeHub::json(wire::print(wire::Done{true}));
    if (head.path != "/v1/files/ask") return std::nullopt;
    const auto question = wire::parse<wire::AskFile>(body);
    asked_ = question->resource ? question->resource->str() : "channels";
    is_uploaded_ = is_uploaded_ || (answer_.state == "completed" && uploads_);
    const std::string lines = wire::print(wire::AskState{"running", 16, 3, {}, {}}) + "\n";
    return Response{200, {{"Content-Type", "application/x-ndjson"}}, lines + wire::print(answer_) + "\n"};
  }
};

TEST_F(AskingTest, WhatTheZoneDoesNotHaveIsAskedForAndFetched) {
  EXPECT_EQ(load({}).error().code, Code::not_found);
  EXPECT_EQ(asks(), 0U) << "nobody is asked unless that was chosen";
  const auto located = load(Asking{.resource = "lab"});
  ASSERT_TRUE(located) << located.error().message;
  EXPECT_EQ(located->size, content_.size());
  EXPECT_EQ(asked_, "lab");
  EXPECT_EQ(progress_.bytes_done, content_.size()) << "at the end it has counted what came";
  EXPECT_EQ(progress_.bytes_total, content_.size());
  ASSERT_TRUE(load(Asking{.resource = "lab"}));
  EXPECT_EQ(asks(), 1U) << "what is here is asked of nobody";
}

TEST_F(AskingTest, AnAddressBelowTheHubsIsTheHub) {
  ASSERT_TRUE(load(Asking{.resource_url = resource_url(hub_)}));
  EXPECT_EQ(asked_, "lab");
  EXPECT_EQ(hub_.count("/v1/resources/list"), 0U);
  is_uploaded_ = false;
  ::setenv("KACHERY_RESOURCE_URL", (hub_.url().str() + "/r/other").c_str(), 1);
  EXPECT_TRUE(is_resource_named());
  ASSERT_TRUE(ask({}));
  EXPECT_EQ(asked_, "other");
}

TEST_F(AskingTest, OtherAddressesAreAskedAsProxiesOfGen2WithoutOurSignature) {
  ASSERT_TRUE(machine().hub(MissingKey::generate));
  for (const Asking& asking : {Asking{.resource_url = resource_url(proxy_)}, Asking{.resource = "lab"}}) {
    proxy_url_ = proxy_.url().str();
    is_uploaded_ = false;
    proxy_asked_.clear();
    const auto state = ask(asking);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(proxy_asked_, "/r/lab");
    EXPECT_FALSE(proxy_saw_secret_);
  }
  EXPECT_EQ(asks(), 0U);
  EXPECT_EQ(machine().cancel_ask(digest_, {.resource = "lab"}, {}, progress_).error().code,
            Code::unavailable);
  proxy_url_ = hub_.url().str();
  EXPECT_TRUE(machine().cancel_ask(digest_, {.resource = "lab"}, {}, progress_));
  is_uploaded_ = false;
  ASSERT_TRUE(ask({.resource = "lab"}));
  EXPECT_EQ(asks(), 1U) << "registered at the hub itself";
}

TEST_F(AskingTest, WhatTheZoneHasIsCompletedUnlessItIsIgnored) {
  is_uploaded_ = true;
  const auto state = ask({.resource = "lab"});
  ASSERT_TRUE(state);
  EXPECT_EQ(state->state, "completed");
  EXPECT_EQ(state->size, content_.size());
  EXPECT_EQ(asks(), 0U);
  ASSERT_TRUE(ask({.resource = "lab", .ignore_bucket = true}));
  EXPECT_EQ(asks(), 1U);
}

TEST_F(AskingTest, AMissSaysWhoWasAskedAndWhatTheAnswerWas) {
  struct Case {
    wire::AskState answer;
    Code code;
    std::string says;
  };
  for (const Case& one : {
           Case{{"not_found", {}, {}, {}, {}}, Code::not_found, "does not have it"},
           Case{{"error", 16, 3, Code::corrupt, "the linked file has changed"}, Code::corrupt, "has changed"},
           Case{{"running", 16, 3, {}, {}}, Code::timed_out, "3 of 16 bytes"},
           Case{{"queued", 16, {}, {}, {}}, Code::timed_out, "queued"},
       }) {
    answer_ = one.answer;
    const auto missing = load(Asking{.resource = "lab", .wait = milliseconds(0)});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, one.code);
    EXPECT_TRUE(missing.error().message.contains(one.says)) << missing.error().message;
    EXPECT_TRUE(missing.error().message.contains("the resource lab was asked")) << missing.error().message;
    EXPECT_TRUE(missing.error().message.contains((home_ / "b").native())) << missing.error().message;
    EXPECT_EQ(progress_.bytes_done, 0U);
  }
  answer_ = {"completed", 16, 16, {}, {}};
  uploads_ = false;
  const auto elsewhere = load(Asking{.resource = "lab"});
  EXPECT_EQ(elsewhere.error().code, Code::unavailable);
  EXPECT_TRUE(elsewhere.error().message.contains("another zone")) << elsewhere.error().message;
}

TEST_F(AskingTest, WhatNamesNoResourceIsRefused) {
  is_registered_ = false;
  const auto unknown = ask({.resource = "lab"});
  EXPECT_EQ(unknown.error().code, Code::not_found);
  EXPECT_TRUE(unknown.error().message.starts_with("Resource not found in zone: lab"))
      << unknown.error().message;
  for (const Asking& asking : {Asking{}, Asking{.resource = "a b"}, Asking{.resource_url = "nonsense"},
                               Asking{.resource_url = hub_.url().str()},
                               Asking{.resource = "lab", .resource_url = resource_url(hub_)}})
    EXPECT_EQ(ask(asking).error().code, Code::invalid);
  EXPECT_EQ(asks(), 0U);
}

}  // namespace
}  // namespace kachery
