// Transfer: one request on one handle of libcurl, and what came of it. For client.cpp only.
#pragma once

#include <curl/curl.h>

#include <array>
#include <optional>
#include <string>

#include "net/client.h"
#include "net/url.h"

namespace kachery {

// What HttpClient is made of, for all its requests.
struct ClientSettings {
  std::optional<std::string> pin;
  ClientLimits limits;
};

// Used once, by one thread. All that the constructor takes outlives it.
class Transfer {
 public:
  Transfer(CURL* handle, const ClientSettings& settings, const ClientRequest& request,
           const std::atomic<bool>& cancel, const BodySink* sink);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  // Leaves nothing of this request in the handle, but its connections.
  ~Transfer();

  Result<ClientResponse> run();

 private:
  using Instant = std::chrono::steady_clock::time_point;

  template <class Value>
  void set(CURLoption option, Value value) {
    KACHERY_ASSERT(curl_easy_setopt(handle_, option, value) == CURLE_OK);
  }
  Result<> set_url();
  Result<> set_fields();
  void add_field(const std::string& line);
  void set_method_and_body();
  void set_trust();
  void set_limits();
  void set_callbacks();

  // What libcurl calls, as members.
  std::size_t take_body(std::string_view bytes);
  std::size_t take_line_of_head(std::string_view line);
  std::size_t give_body(std::span<std::byte> space);
  bool rewind();
  bool should_stop(ByteCount moved);

  std::size_t stop(Error why, std::size_t answer);
  int status() const;
  ByteCount body_size() const { return request_.read ? request_.body_size : request_.body.size(); }
  bool is_connected() const;
  bool begins_where_asked() const;
  Result<> check_answer() const;
  std::unexpected<Error> failure(CURLcode code) const;
  std::unexpected<Error> failure_of_wait() const;
  std::unexpected<Error> failure_of_trust(CURLcode code) const;
  std::string what() const;
  std::string reason(CURLcode code) const;

  CURL* handle_;
  const ClientSettings& settings_;
  const ClientRequest& request_;
  const std::atomic<bool>& cancel_;
  const BodySink* sink_;

  std::optional<Url> origin_;
  std::string path_;
  curl_slist* fields_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> reason_{};

  ClientResponse response_{0, {}, {}};
  bool in_head_ = false;
  ByteCount head_bytes_ = 0;
  ByteCount sent_ = 0;
  ByteCount received_ = 0;
  ByteCount moved_ = 0;
  Instant began_;
  Instant moved_at_;
  std::optional<Error> stopped_by_us_;
};

}  // namespace kachery
