// kachery-resource.yaml: what a resource is called, and where it is provided. gen2 section 5.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/names.h"
#include "core/secret.h"
#include "net/url.h"

namespace kachery::daemon {

// More than this at a time helps nobody: each upload is several connections.
constexpr std::size_t kConcurrentUploadsMax = 64;

// What `kachery-resource share` needs to know.
struct ResourceSettings {
  ResourceName name;
  ZoneName zone;
  std::size_t uploads_max;  // At a time; 1 to kConcurrentUploadsMax.
  Url proxy_url;            // Of a hub, or of an older proxy.
  Secret proxy_secret;      // For older proxies; empty: none.
};

// The file as people see it: texts, which may not make sense yet. A value.
class ResourceFile {
 public:
  // In the order of the questions of `kachery-resource init`, and of the file.
  static constexpr const char* kName = "resourceName";
  static constexpr const char* kZone = "kacheryZone";
  static constexpr const char* kUploads = "maxConcurrentUploads";
  static constexpr const char* kProxyUrl = "proxyUrl";
  static constexpr const char* kProxySecret = "proxySecret";

  // `where` is its path, for messages. Code::invalid if this is no YAML of exactly these keys, each once,
  // with a text or a number; the message has the line.
  static Result<ResourceFile> parse(const std::string& text, std::string where);
  // Code::not_found if there is none.
  static Result<ResourceFile> read(const std::filesystem::path& path);

  explicit ResourceFile(std::string where) : where_(std::move(where)) {}

  // Empty where it is not said.
  std::string value(const std::string& key) const;
  void set(const std::string& key, std::string value);

  // Code::invalid for the first value that makes no sense; the message has the line, and never the secret.
  Result<ResourceSettings> settings() const;

  // Texts are quoted, so that nothing in them means something else.
  std::string str() const;
  // Atomically; only its owner may read it, because the secret stands in it.
  Result<> write(const std::filesystem::path& path) const;

 private:
  struct Entry {
    std::string value;
    int line;  // From 1; 0: it was never in a file.
  };

  std::unexpected<Error> fail_at(const std::string& key, const std::string& what) const;

  std::string where_;
  std::map<std::string, Entry> entries_;
};

}  // namespace kachery::daemon
