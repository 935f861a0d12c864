// The messages of gen2's proxy: between it and a resource's daemon (WebSocket, one JSON object in each text),
// and between it and who asks (HTTP). gen2 section 5, which holds word for word: exactly these members, and
// what is absent is left out. What is text here is any text: older programs check no names.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <variant>

#include "core/secret.h"
#include "wire/codec.h"
#include "wire/resources.h"

namespace kachery::wire::legacy {

// A text that is known when this is compiled.
template <std::size_t kSize>
struct Literal {
  consteval Literal(const char (&text)[kSize]) { std::ranges::copy(text, chars.begin()); }

  std::array<char, kSize> chars;
};

// A member that always says the same: "type".
template <Literal kText>
struct Constant {
  static constexpr std::string_view kValue{kText.chars.data(), kText.chars.size() - 1};
};

// --- From the daemon to the proxy

// The first message, once. Daemons before 0.1.8 have no zone.
struct Initialize {
  Constant<"initialize"> type = {};
  std::string resource_name;
  Omissible<std::string> zone;
  Secret proxy_secret;
  static constexpr auto kFields =
      fields("type", &Initialize::type, "resourceName", &Initialize::resource_name, "zone", &Initialize::zone,
             "proxySecret", &Initialize::proxy_secret);
};

// 10 s after the start, then every 20 s. No answer.
struct Ping {
  Constant<"ping"> type = {};
  static constexpr auto kFields = fields("type", &Ping::type);
};

// Also what the proxy answers to who asked, as HTTP 200.
struct ResponseToClient {
  Constant<"responseToClient"> type = {};
  std::string request_id;
  json::Value response;  // FileUploadResponse, or {} where there is an error.
  Omissible<std::string> error;
  static constexpr auto kFields =
      fields("type", &ResponseToClient::type, "requestId", &ResponseToClient::request_id, "response",
             &ResponseToClient::response, "error", &ResponseToClient::error);
};

// --- From the proxy to the daemon

// To Initialize. Never anything else first; if it is refused, the proxy closes without a word.
struct Acknowledge {
  Constant<"acknowledge"> type = {};
  static constexpr auto kFields = fields("type", &Acknowledge::type);
};

// What came by HTTP (POST /r/NAME; POST /api of 0.3.x has no zone), with an ID of 10 letters that only the
// proxy adds. Daemons before 0.1.8 get no zone.
struct RequestFromClient {
  Constant<"requestFromClient"> type = {};
  std::string resource_name;
  Omissible<std::string> zone;
  json::Value request;                     // FileUploadRequest, or what the daemon is to refuse.
  std::chrono::milliseconds timeout_msec;  // How long the proxy waits for the response.
  Omissible<std::string> request_id;
  static constexpr auto kFields =
      fields("type", &RequestFromClient::type, "resourceName", &RequestFromClient::resource_name, "zone",
             &RequestFromClient::zone, "request", &RequestFromClient::request, "timeoutMsec",
             &RequestFromClient::timeout_msec, "requestId", &RequestFromClient::request_id);
};

// Who asked has gone. Proxies before 2023-03-13 only.
struct CancelRequestFromClient {
  Constant<"cancelRequestFromClient"> type = {};
  std::string request_id;
  static constexpr auto kFields =
      fields("type", &CancelRequestFromClient::type, "requestId", &CancelRequestFromClient::request_id);
};

// --- Inside

struct FileUploadRequest {
  Constant<"fileUpload"> type = {};
  std::string uri;  // "sha1://" and 40 digits, no more.
  // How long the daemon waits for the upload before it answers how it is. Clients of 0.3.x leave it out.
  Omissible<std::chrono::milliseconds> timeout_msec;
  static constexpr auto kFields = fields("type", &FileUploadRequest::type, "uri", &FileUploadRequest::uri,
                                         "timeoutMsec", &FileUploadRequest::timeout_msec);
};

struct FileUploadStatus {
  std::string status;  // "not-found", "queued", "running", "completed", "error".
  Omissible<std::uint64_t> size;
  Omissible<std::uint64_t> bytes_uploaded;
  Omissible<std::int64_t> timestamp_requested;  // Milliseconds since 1970.
  Omissible<std::int64_t> timestamp_started;
  Omissible<std::int64_t> timestamp_completed;
  Omissible<std::string> error;
  static constexpr auto kFields =
      fields("status", &FileUploadStatus::status, "size", &FileUploadStatus::size, "bytesUploaded",
             &FileUploadStatus::bytes_uploaded, "timestampRequested", &FileUploadStatus::timestamp_requested,
             "timestampStarted", &FileUploadStatus::timestamp_started, "timestampCompleted",
             &FileUploadStatus::timestamp_completed, "error", &FileUploadStatus::error);
};

struct FileUploadResponse {
  Constant<"fileUpload"> type = {};
  FileUploadStatus status;
  static constexpr auto kFields =
      fields("type", &FileUploadResponse::type, "status", &FileUploadResponse::status);
};

// How it is with a file, in the words of both generations. Theirs have no "asking", which is "queued" there,
// no code of an error, and no reason for anything else; ours have no times.
FileUploadStatus status_of(const AskState& state);
AskState state_of(const FileUploadStatus& status);

// The body of an HTTP answer that is not 200.
struct Refusal {
  std::string message;
  static constexpr auto kFields = fields("message", &Refusal::message);
};

// --- Which message it is. Code::invalid for a text that is none of them.

using FromDaemon = std::variant<Initialize, Ping, ResponseToClient>;
Result<FromDaemon> parse_from_daemon(std::string_view text);

using FromProxy = std::variant<Acknowledge, RequestFromClient, CancelRequestFromClient>;
Result<FromProxy> parse_from_proxy(std::string_view text);

}  // namespace kachery::wire::legacy

namespace kachery::wire {

template <legacy::Literal kText>
struct Codec<legacy::Constant<kText>> {
  using Constant = legacy::Constant<kText>;
  static json::Value to_json(const Constant&) { return Constant::kValue; }
  static Result<Constant> from_json(const json::Value& value, const std::string& where) {
    const std::string* text = value.if_string();
    if (text == nullptr || *text != Constant::kValue)
      return fail_member(where, '"' + std::string(Constant::kValue) + '"');
    return Constant{};
  }
};

template <>
struct Codec<Secret> {
  static json::Value to_json(const Secret& value) { return value.text(); }
  static Result<Secret> from_json(const json::Value& value, const std::string& where);
};

// An object as it is; what is in it is understood elsewhere.
template <>
struct Codec<json::Value> {
  static json::Value to_json(const json::Value& value) { return value; }
  static Result<json::Value> from_json(const json::Value& value, const std::string& where);
};

// Any number from 0 to a year, as people give seconds: a part of a millisecond is dropped.
template <>
struct Codec<std::chrono::milliseconds> {
  static json::Value to_json(std::chrono::milliseconds value) { return std::int64_t{value.count()}; }
  static Result<std::chrono::milliseconds> from_json(const json::Value& value, const std::string& where);
};

}  // namespace kachery::wire
