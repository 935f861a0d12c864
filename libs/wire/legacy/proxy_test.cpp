#include "wire/legacy/proxy.h"

#include <gtest/gtest.h>

namespace kachery::wire::legacy {
namespace {

using std::chrono::milliseconds;

// Older programs close the connection over one member too many.
TEST(ProxyMessages, AreExactlyWhatOlderProgramsTake) {
  EXPECT_EQ(
      print(Initialize{
          .resource_name = "lab", .zone = std::string("default"), .proxy_secret = Secret(as_bytes("s"))}),
      R"({"type":"initialize","resourceName":"lab","zone":"default","proxySecret":"s"})");
  EXPECT_EQ(print(Acknowledge{}), R"({"type":"acknowledge"})");
  EXPECT_EQ(print(Ping{}), R"({"type":"ping"})");
  EXPECT_EQ(print(CancelRequestFromClient{.request_id = "abcdefghij"}),
            R"({"type":"cancelRequestFromClient","requestId":"abcdefghij"})");

  const FileUploadRequest inner{.uri = "sha1://x", .timeout_msec = milliseconds(10'000)};
  EXPECT_EQ(print(RequestFromClient{.resource_name = "lab",
                                    .zone = std::string("default"),
                                    .request = to_json(inner),
                                    .timeout_msec = milliseconds(15'000),
                                    .request_id = std::string("abcdefghij")}),
            R"({"type":"requestFromClient","resourceName":"lab","zone":"default",)"
            R"("request":{"type":"fileUpload","uri":"sha1://x","timeoutMsec":10000},"timeoutMsec":15000,)"
            R"("requestId":"abcdefghij"})");

  const FileUploadResponse response{.status = {.status = "running",
                                               .size = std::uint64_t{7},
                                               .bytes_uploaded = std::uint64_t{3},
                                               .timestamp_requested = {},
                                               .timestamp_started = {},
                                               .timestamp_completed = {},
                                               .error = {}}};
  EXPECT_EQ(print(ResponseToClient{.request_id = "abcdefghij", .response = to_json(response), .error = {}}),
            R"({"type":"responseToClient","requestId":"abcdefghij",)"
            R"("response":{"type":"fileUpload","status":{"status":"running","size":7,"bytesUploaded":3}}})");
  EXPECT_EQ(print(ResponseToClient{
                .request_id = "abcdefghij", .response = json::Object(), .error = std::string("Invalid URI")}),
            R"({"type":"responseToClient","requestId":"abcdefghij","response":{},"error":"Invalid URI"})");
}

TEST(ProxyMessages, AreToldApartByTheirType) {
  const auto started =
      parse_from_daemon(R"({"type":"initialize","resourceName":"lab","zone":"z","proxySecret":"s"})");
  ASSERT_TRUE(started) << started.error().message;
  const auto* initialize = std::get_if<Initialize>(&*started);
  ASSERT_NE(initialize, nullptr);
  EXPECT_EQ(initialize->zone, "z");
  EXPECT_EQ(initialize->proxy_secret.text(), "s");
  EXPECT_TRUE(std::holds_alternative<Ping>(*parse_from_daemon(R"({"type":"ping"})")));

  const auto asked = parse_from_proxy(
      R"({"requestId":"abcdefghij","type":"requestFromClient","resourceName":"lab","zone":"z",)"
      R"("request":{"type":"fileUpload","uri":"sha1://x"},"timeoutMsec":1500.5})");
  ASSERT_TRUE(asked) << asked.error().message;
  const auto* request = std::get_if<RequestFromClient>(&*asked);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->timeout_msec, milliseconds(1'500));
  EXPECT_EQ(request->request_id, "abcdefghij");
  const auto inner = from_json<FileUploadRequest>(request->request, "request");
  ASSERT_TRUE(inner) << inner.error().message;
  EXPECT_EQ(inner->uri, "sha1://x");
  EXPECT_FALSE(inner->timeout_msec);
  EXPECT_TRUE(std::holds_alternative<Acknowledge>(*parse_from_proxy(R"({"type":"acknowledge"})")));
}

// Before 2023-03-13 nobody named a zone.
TEST(ProxyMessages, OfTheOldestProgramsHaveNoZone) {
  const auto started = parse_from_daemon(R"({"type":"initialize","resourceName":"lab","proxySecret":""})");
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_FALSE(std::get<Initialize>(*started).zone);
  const auto asked = parse<RequestFromClient>(
      R"({"type":"requestFromClient","resourceName":"lab","request":{"type":"x"},"timeoutMsec":1})");
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_FALSE(asked->zone);
  EXPECT_FALSE(asked->request_id);
  EXPECT_EQ(print(*asked),
            R"({"type":"requestFromClient","resourceName":"lab","request":{"type":"x"},"timeoutMsec":1})");
}

TEST(ProxyMessages, RefusesWhatIsNotExactlyOneOfThem) {
  for (const char* text : {
           "",
           "[]",
           "{}",
           R"({"type":7})",
           R"({"type":"acknowledge"})",
           R"({"type":"ping","more":1})",
           R"({"type":"initialize","resourceName":"lab","zone":"z"})",
           R"({"type":"initialize","resourceName":"lab","zone":null,"proxySecret":"s"})",
           R"({"type":"initialize","resourceName":"lab","zone":"z","proxySecret":"s","node":"n"})",
           R"({"type":"responseToClient","response":{}})",
           R"({"type":"responseToClient","requestId":"abcdefghij","response":[]})",
       }) {
    const auto message = parse_from_daemon(text);
    ASSERT_FALSE(message) << text;
    EXPECT_EQ(message.error().code, Code::invalid) << text;
  }
  for (const char* timeout : {"-1", "null", "\"5\"", "1e300", "31536000001"}) {
    EXPECT_FALSE(parse<RequestFromClient>(
        std::string(R"({"type":"requestFromClient","resourceName":"lab","request":{},"timeoutMsec":)") +
        timeout + "}"))
        << timeout;
  }
  EXPECT_FALSE(parse_from_proxy(R"({"type":"acknowledge","version":2})"));
}

}  // namespace
}  // namespace kachery::wire::legacy
