// A hub in memory for the tests of remote and client, which does as it is told to.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "chunk/manifest.h"
#include "crypto/hasher.h"
#include "net/server_fixture.h"
#include "net/signing.h"
#include "net/url.h"
#include "os/clock.h"
#include "wire/files.h"
#include "wire/hub.h"
#include "wire/uploads.h"

namespace kachery {

inline Digest sha256_of(std::string_view bytes) {
  return Hasher::of(Algorithm::sha256, as_bytes(bytes));
}

inline std::string bytes_of_pattern(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>((seed = seed * 1664525U + 1013904223U) >> 24);
  return bytes;
}

// Sends so much, and then cuts the connection.
class CutBody final : public Body {
 public:
  CutBody(std::string bytes, std::size_t sent) : bytes_(std::move(bytes)), left_(sent) {}

  std::optional<ByteCount> size() const override { return bytes_.size(); }
  Task<Result<ByteView>> next() override {
    if (left_ == 0) co_return fail(Code::unavailable, "cut");
    co_return as_bytes(bytes_).first(std::exchange(left_, 0));
  }

 private:
  std::string bytes_;
  std::size_t left_;
};

class FakeHub {
 public:
  using Script = std::function<std::optional<Response>(const RequestHead&, const std::string& body)>;

  FakeHub() : server_([this](Request& request) { return serve(*this, request); }) {}

  Url url() const { return Url::parse("http://127.0.0.1:" + std::to_string(server_.port())).value(); }

  // Puts a file there, in chunks of this size.
  Digest add(const std::string& content, std::size_t chunk_size = 16 << 20) {
    const Digest digest = Hasher::of(Algorithm::sha1, as_bytes(content));
    const std::scoped_lock lock(mutex_);
    File file{content, {}, std::nullopt};
    for (std::size_t begin = 0; begin < content.size() || begin == 0; begin += chunk_size) {
      const std::string chunk = content.substr(begin, chunk_size);
      file.chunks.push_back({sha256_of(chunk), chunk.size()});
      blobs_[sha256_of(chunk).hex()] = chunk;
    }
    if (file.chunks.size() > 1) {
      const ManifestTexts texts = make_manifest(digest, file.chunks);
      for (const ManifestPage& page : texts.pages) blobs_[sha256_of(page.str()).hex()] = page.str();
      file.manifest = sha256_of(texts.root.str()).hex();
      blobs_[*file.manifest] = texts.root.str();
    }
    files_.insert_or_assign(digest, std::move(file));
    return digest;
  }

  Loop& loop() { return server_.loop(); }

  std::optional<std::string> content(const Digest& digest) {
    const std::scoped_lock lock(mutex_);
    const auto file = files_.find(digest);
    return file == files_.end() ? std::nullopt : std::optional(file->second.content);
  }
  // What is sent under the name of a chunk, a page or a manifest.
  void change_blob(const Digest& sha256, std::string bytes) {
    const std::scoped_lock lock(mutex_);
    blobs_[sha256.hex()] = std::move(bytes);
  }
  // Asked first for every request; what it gives is the answer.
  void set_script(Script script) {
    const std::scoped_lock lock(mutex_);
    script_ = std::move(script);
  }
  std::size_t count(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    return counts_[path];
  }
  // Requests for chunks, manifests and pages.
  std::size_t gets() { return count("/bucket"); }

  static Response json(std::string text) {
    return {200, {{"Content-Type", "application/json"}}, std::move(text)};
  }
  static Response failure(int status, Code code, const std::string& message, std::int64_t ahead_ms = 0) {
    const std::int64_t now_ms = system_clock().now_ns() / 1'000'000 + ahead_ms;
    Response response = json(wire::print(wire::Failure{{code, message, "request-7"}, now_ms}));
    response.status = status;
    return response;
  }

 private:
  struct File {
    std::string content;
    std::vector<ChunkEntry> chunks;
    std::optional<std::string> manifest;
  };
  struct Open {
    wire::UploadFile file;
    std::vector<wire::Chunk> chunks;
  };

  static Task<Response> serve(FakeHub& hub, Request& request) {
    Result<std::string> body = co_await read_body(request, 64 << 20);
    if (!body) co_return Response{400};
    co_return hub.answer(request.head(), *body);
  }

  Response answer(const RequestHead& head, const std::string& body) {
    const std::scoped_lock lock(mutex_);
    const bool is_blob = head.path.starts_with("/bucket");
    ++counts_[is_blob && head.method == Method::get ? "/bucket" : is_blob ? "/put" : head.path];
    if (script_)
      if (auto scripted = script_(head, body)) return *std::move(scripted);
    if (is_blob) return head.method == Method::put ? put_blob(head, body) : get_blob(head);
    if (head.path == "/v1/files/find") return find(*wire::parse<wire::Find>(body));
    if (head.path == "/v1/files/chunks") return chunks(*wire::parse<wire::AskChunks>(body));
    if (head.path == "/v1/files/get") return get(*wire::parse<wire::GetSmall>(body));
    if (head.path == "/v1/files/put") return put(body);
    if (head.path == "/v1/uploads/present") return present(*wire::parse<wire::AskPresent>(body));
    if (head.path == "/v1/uploads/begin") return begin(*wire::parse<wire::BeginUploads>(body));
    if (head.path == "/v1/uploads/chunks") return more(*wire::parse<wire::MoreChunks>(body));
    if (head.path == "/v1/uploads/commit") return commit(*wire::parse<wire::CommitUploads>(body));
    if (head.path == "/v1/uploads/abandon") return json(wire::print(wire::Done{true}));
    return failure(404, Code::not_found, "no such path");
  }

  std::string url_of(const std::string& sha256) const {
    return url().str() + "/bucket/default/chunks/" + sha256 + "?signature=secret";
  }
  static std::int64_t expires_ms() { return system_clock().now_ns() / 1'000'000 + 600'000; }

  Response find(const wire::Find& question) {
    wire::FoundFiles found{{}, expires_ms()};
    for (const Digest& digest : question.digests) {
      const auto file = files_.find(digest);
      if (file == files_.end()) {
        found.files.emplace_back();
        continue;
      }
      wire::FoundFile one{digest, file->second.content.size(), std::nullopt, std::nullopt, {}};
      if (file->second.manifest) {
        one.manifests.push_back({*file->second.manifest, url_of(*file->second.manifest), "hub"});
      } else {
        one.sha256 = file->second.chunks.front().sha256;
        one.url = url_of(one.sha256->hex());
      }
      found.files.emplace_back(std::move(one));
    }
    return json(wire::print(found));
  }

  Response chunks(const wire::AskChunks& question) {
    wire::ChunkUrls urls{{}, expires_ms()};
    for (const Digest& chunk : question.chunks) urls.urls.emplace_back(url_of(chunk.hex()));
    return json(wire::print(urls));
  }

  Response get(const wire::GetSmall& question) {
    std::string body;
    for (const Digest& digest : question.digests) {
      const auto file = files_.find(digest);
      const bool is_there = file != files_.end();
      body += wire::print(wire::SmallFile{
                  digest, is_there ? std::optional(file->second.content.size()) : std::nullopt}) +
              "\n";
      if (is_there) body += file->second.content;
    }
    return {200, {{"Content-Type", "application/x-kachery-files"}}, std::move(body)};
  }

  Response put(const std::string& body) {
    const std::size_t end = body.find('\n');
    const auto message = *wire::parse<wire::PutSmall>(body.substr(0, end));
    wire::Outcomes outcomes;
    std::size_t begin = end + 1;
    for (const wire::SmallFile& file : message.files) {
      const std::string content = body.substr(begin, *file.size);
      begin += *file.size;
      const bool right = Hasher::of(file.digest.algorithm(), as_bytes(content)) == file.digest;
      if (right)
        files_.insert_or_assign(file.digest, File{content, {{sha256_of(content), content.size()}}, {}});
      if (right) blobs_[sha256_of(content).hex()] = content;
      outcomes.files.push_back(right ? wire::Outcome{"stored", {}, {}}
                                     : wire::Outcome{"refused", Code::corrupt, "wrong bytes"});
    }
    return json(wire::print(outcomes));
  }

  std::optional<wire::PutOrder> order(const wire::Chunk& chunk) const {
    if (blobs_.contains(chunk.sha256.hex())) return std::nullopt;
    return wire::PutOrder{url_of(chunk.sha256.hex()),
                          {{"content-length", std::to_string(chunk.size)},
                           {"content-type", "application/octet-stream"},
                           {"if-none-match", "*"},
                           {"x-amz-content-sha256", chunk.sha256.hex()}}};
  }

  Response present(const wire::AskPresent& question) {
    wire::Present answer;
    for (const auto& file : question.files) answer.present.push_back(files_.contains(file.digest));
    return json(wire::print(answer));
  }

  Response begin(const wire::BeginUploads& message) {
    wire::BegunUploads begun{{}, expires_ms()};
    for (const wire::UploadFile& file : message.files) {
      if (files_.contains(file.digest)) {
        begun.uploads.push_back({{"present", {}, {}}, {}, {}});
        continue;
      }
      const std::string id = std::to_string(open_.size());
      open_.insert_or_assign(id, Open{file, file.chunks});
      begun.uploads.push_back({{"open", {}, {}}, id, {}});
      for (const wire::Chunk& chunk : file.chunks) begun.uploads.back().puts.push_back(order(chunk));
    }
    return json(wire::print(begun));
  }

  Response more(const wire::MoreChunks& message) {
    wire::PutOrders orders{{}, expires_ms()};
    auto& known = open_.at(message.id).chunks;
    for (const wire::Chunk& chunk : message.chunks) {
      known.push_back(chunk);
      orders.puts.push_back(order(chunk));
    }
    return json(wire::print(orders));
  }

  Response commit(const wire::CommitUploads& message) {
    const wire::CommitUpload& one = message.uploads.front();
    const Open& open = open_.at(one.id);
    File file;
    const auto take = [&](const Digest& sha256, ByteCount size) {
      file.chunks.push_back({sha256, size});
      file.content += blobs_[sha256.hex()];
    };
    if (one.manifest) {
      const Manifest root = *Manifest::parse(*one.manifest);
      for (const Manifest::Page& page : root.pages)
        for (const ChunkEntry& chunk : ManifestPage::parse(blobs_[page.sha256.hex()])->chunks)
          take(chunk.sha256, chunk.size);
      file.manifest = sha256_of(*one.manifest).hex();
      blobs_[*file.manifest] = *one.manifest;
    } else {
      take(open.file.chunks.front().sha256, open.file.chunks.front().size);
    }
    const bool right = Hasher::of(open.file.digest.algorithm(), as_bytes(file.content)) == open.file.digest;
    if (right) files_.insert_or_assign(open.file.digest, std::move(file));
    return json(wire::print(wire::Outcomes{
        {right ? wire::Outcome{"stored", {}, {}} : wire::Outcome{"refused", Code::corrupt, "wrong bytes"}}}));
  }

  Response get_blob(const RequestHead& head) {
    const auto blob = blobs_.find(head.path.substr(head.path.rfind('/') + 1));
    if (blob == blobs_.end()) return failure(404, Code::not_found, "no such object");
    const std::string* range = head.fields.find("range");
    if (range == nullptr) return {200, {}, blob->second};
    const std::size_t start = std::stoul(range->substr(std::string("bytes=").size()));
    return {206, {}, blob->second.substr(start)};
  }

  Response put_blob(const RequestHead& head, const std::string& body) {
    const std::string name = head.path.substr(head.path.rfind('/') + 1);
    if (sha256_of(body).hex() != name) return failure(422, Code::corrupt, "wrong bytes");
    blobs_[name] = body;
    return {201};
  }

  std::mutex mutex_;
  Script script_;
  std::map<Digest, File> files_;
  std::map<std::string, std::string> blobs_;
  std::map<std::string, Open> open_;
  std::map<std::string, std::size_t> counts_;
  RunningServer server_;
};

}  // namespace kachery
