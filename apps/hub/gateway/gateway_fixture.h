// A hub in a temporary directory, without a network: real catalog, bucket and gateway; requests from memory.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <string>
#include <thread>

#include "hub/gateway/hub_parts.h"
#include "hub/gateway/memory_request.h"
#include "hub/gateway/upkeep_tasks.h"
#include "net/signing.h"
#include "os/random.h"
#include "wire/hub.h"
#include "wire/nodes.h"
#include "wire/sizes.h"
#include "wire/uploads.h"

namespace kachery::hub {

class HubTest : public testing::Test {
 protected:
  explicit HubTest(const HubChoices& choices = {}) {
    std::filesystem::create_directories(directory_);
    std::promise<HubParts*> ready;
    thread_ = std::thread([this, &ready, choices] {
      HubParts parts(directory_, choices, clock_);
      parts.loop.post([&] { ready.set_value(&parts); });
      parts.loop.run();
    });
    parts_ = ready.get_future().get();
    create_zone("default", "owner", {.public_upload = false, .public_download = true});
  }
  ~HubTest() override {
    parts_->loop.stop();
    thread_.join();
    std::filesystem::remove_all(directory_);
  }

  Catalog& catalog() { return *parts_->catalog; }
  std::int64_t now_ms() const { return clock_.now_ms; }

  // Runs a task on the network thread, and waits for what it gives.
  template <class T>
  T on_loop(std::function<Task<T>()> make) {
    std::promise<T> given;
    parts_->loop.post([&] { parts_->loop.spawn(deliver<T>(make, given)); });
    return given.get_future().get();
  }
  template <class T>
  static Task<> deliver(const std::function<Task<T>()>& make, std::promise<T>& given) {
    Task<T> task = make();
    T value = co_await task;
    given.set_value(std::move(value));
  }

  // --- Who there is

  void create_zone(const std::string& zone, const std::string& owner, const ZoneSettings& settings) {
    static_cast<void>(catalog().people().create_user(user(owner), now_ms()));
    ASSERT_TRUE(catalog().zones().create_zone(zone_named(zone), user(owner), now_ms()));
    ASSERT_TRUE(catalog().zones().set_settings(zone_named(zone), settings));
    refresh();
  }
  void add_node(const KeyPair& key, const std::string& owner) {
    ASSERT_TRUE(catalog().people().add_node(key.node_id(), user(owner), "a label", now_ms()));
    refresh();
  }
  void refresh() {
    const auto refreshed = on_loop<Result<>>([this] { return parts_->facts.refresh(); });
    ASSERT_TRUE(refreshed) << refreshed.error().message;
  }
  static UserName user(const std::string& name) { return UserName::parse(name).value(); }
  static ZoneName zone_named(const std::string& name) { return ZoneName::parse(name).value(); }

  // --- Requests

  Answer send(MemoryRequest& request) {
    return on_loop<Answer>([this, &request] { return collect(parts_->gateway, request); });
  }
  Answer send(RequestHead about, const std::string& body = "") {
    MemoryRequest request(std::move(about), body);
    return send(request);
  }

  // The head of a POST, signed by `key` at `signed_s` (now, where it is 0).
  RequestHead signed_head(const KeyPair& key, const std::string& path, const std::string& body,
                          std::int64_t signed_s = 0) {
    RequestHead about = head(Method::post, path);
    Signable what{.method = Method::post, .path = path, .query = "", .body = {}};
    if (!body.empty()) what.body = Hasher::of(Algorithm::sha256, as_bytes(body));
    about.fields.add(sign_request(key, Url::parse("http://127.0.0.1:8080").value(), what,
                                  signed_s != 0 ? signed_s : now_ms() / 1000));
    return about;
  }
  Answer post(const KeyPair* key, const std::string& path, const std::string& body) {
    return send(key != nullptr ? signed_head(*key, path, body) : head(Method::post, path), body);
  }
  template <class Message>
  Answer call(const KeyPair* key, const std::string& path, const Message& message) {
    return post(key, path, wire::print(message));
  }
  template <class Message>
  Answer call_with_token(const std::string& token, const std::string& path, const Message& message) {
    RequestHead about = head(Method::post, path);
    about.fields.add("Authorization", "Bearer " + token);
    return send(std::move(about), wire::print(message));
  }

  // --- Files

  static Digest sha1(const std::string& bytes) { return Hasher::of(Algorithm::sha1, as_bytes(bytes)); }
  static Digest sha256(const std::string& bytes) { return Hasher::of(Algorithm::sha256, as_bytes(bytes)); }

  wire::BegunUpload begin(const KeyPair& key, const wire::UploadFile& file, const char* zone = "default") {
    const Answer answer =
        call(&key, "/v1/uploads/begin", wire::BeginUploads{.zone = zone_named(zone), .files = {file}});
    return answer.message<wire::BegunUploads>().uploads.at(0);
  }
  static wire::UploadFile one_chunk(const std::string& bytes) {
    return {sha1(bytes), bytes.size(), std::nullopt, {{sha256(bytes), bytes.size()}}};
  }
  Answer put(const wire::PutOrder& order, const std::string& bytes) {
    HttpFields fields;
    for (const wire::Header& header : order.headers) fields.add(header.name, header.value);
    return send(head_of_url(Method::put, order.url, fields), bytes);
  }
  wire::Outcome commit(const KeyPair& key, const wire::CommitUpload& upload, const char* zone = "default") {
    const Answer answer =
        call(&key, "/v1/uploads/commit", wire::CommitUploads{.zone = zone_named(zone), .uploads = {upload}});
    return answer.message<wire::Outcomes>().files.at(0);
  }
  // A file of one chunk, all the way.
  void upload(const KeyPair& key, const std::string& bytes, const char* zone = "default") {
    const wire::BegunUpload begun = begin(key, one_chunk(bytes), zone);
    ASSERT_EQ(begun.outcome.state, "open") << begun.outcome.message.value_or("");
    if (begun.puts.at(0)) {
      ASSERT_EQ(put(*begun.puts[0], bytes).status, 201);
    }
    ASSERT_EQ(commit(key, {*begun.id, {}, {}}, zone).state, "stored");
  }
  std::optional<wire::FoundFile> find(const KeyPair* key, const Digest& digest,
                                      const char* zone = "default") {
    const Answer answer =
        call(key, "/v1/files/find", wire::Find{.zone = zone_named(zone), .digests = {digest}});
    return answer.message<wire::FoundFiles>().files.at(0);
  }

  // The lines of the audit log so far.
  std::string audit_lines() {
    const auto flushed = on_loop<Result<>>([this] { return parts_->audit->flush(); });
    EXPECT_TRUE(flushed);
    std::string lines;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "audit")) {
      const auto file = open_user_file(entry.path()).value();
      std::string text(file->stamp().value().size, '\0');
      EXPECT_TRUE(read_exactly(*file, 0, std::as_writable_bytes(std::span(text))));
      lines += text;
    }
    return lines;
  }

  std::filesystem::path directory_ =
      std::filesystem::path(testing::TempDir()) / ("gateway_test_" + random_hex(8));
  SetClock clock_;
  HubParts* parts_ = nullptr;

 private:
  static Task<Answer> collect(Gateway& gateway, MemoryRequest& request) {
    Response response = co_await gateway.handle(request);
    Answer answer{.status = response.status, .fields = std::move(response.fields)};
    if (auto* text = std::get_if<std::string>(&response.body)) {
      answer.body = std::move(*text);
      co_return answer;
    }
    auto& body = *std::get<std::unique_ptr<Body>>(response.body);
    while (true) {
      const Result<ByteView> piece = co_await body.next();
      if (!piece) answer.broken = piece.error();
      if (!piece || piece->empty()) break;
      answer.body += as_text(*piece);
    }
    co_return answer;
  }

  std::thread thread_;
};

}  // namespace kachery::hub
