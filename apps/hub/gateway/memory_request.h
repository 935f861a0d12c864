// Requests from memory, and what came back of them: for tests of the gateway.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "net/server.h"
#include "net/websocket.h"
#include "os/random.h"
#include "wire/hub.h"

namespace kachery::hub {

// A request whose body comes in pieces of up to `piece_bytes`.
class MemoryRequest final : public Request {
 public:
  MemoryRequest(RequestHead head, std::string body, std::size_t piece_bytes = 100'000)
      : head_(std::move(head)), body_(std::move(body)), piece_bytes_(piece_bytes) {}

  const RequestHead& head() const override { return head_; }
  std::optional<ByteCount> body_size() const override {
    return body_.empty() ? std::nullopt : std::optional<ByteCount>(announced.value_or(body_.size()));
  }
  Task<Result<ByteView>> read() override {
    const ByteView piece = as_bytes(std::string_view(body_).substr(offset_, piece_bytes_));
    offset_ += piece.size();
    if (on_read) on_read();
    if (breaks_at && offset_ > *breaks_at) co_return fail(Code::unavailable, "the sender has gone");
    co_return piece;
  }
  bool is_connected() const override { return true; }
  Task<Result<std::unique_ptr<WebSocket>>> upgrade(std::string, WebSocketLimits) override {
    co_return fail(Code::invalid, "not from memory");
  }

  std::optional<ByteCount> announced = {};  // Instead of the true size.
  std::optional<std::size_t> breaks_at = {};
  std::function<void()> on_read = {};

 private:
  RequestHead head_;
  std::string body_;
  std::size_t piece_bytes_;
  std::size_t offset_ = 0;
};

// Of a stranger's request.
inline RequestHead head(Method method, const std::string& path, const std::string& query = "") {
  return {.method = method,
          .path = path,
          .query = query,
          .fields = {},
          .peer = "192.0.2.7",
          .secure = false,
          .id = random_hex(16)};
}

// What a URL of the bucket asks for.
inline RequestHead head_of_url(Method method, const std::string& url, const HttpFields& fields = {}) {
  const std::string path = url.substr(std::string("http://127.0.0.1:8080").size());
  const std::size_t question = path.find('?');
  RequestHead about = head(method, path.substr(0, question), path.substr(question + 1));
  about.fields = fields;
  return about;
}

// What came back, with the body as far as it came.
struct Answer {
  int status = 0;
  HttpFields fields = {};
  std::string body = {};
  std::optional<Error> broken = {};

  std::string field(std::string_view name) const {
    const std::string* value = fields.find(name);
    return value == nullptr ? "" : *value;
  }
  // Of a success.
  template <class Message>
  Message message() const {
    Result<Message> parsed = wire::parse<Message>(body);
    EXPECT_TRUE(parsed && status == 200) << status << " " << body;
    return parsed.value();
  }
  // Of a failure.
  wire::Failure::About failure() const {
    Result<wire::Failure> parsed = wire::parse<wire::Failure>(body);
    EXPECT_TRUE(parsed && status >= 400) << status << " " << body;
    return parsed.value().error;
  }
};

}  // namespace kachery::hub
