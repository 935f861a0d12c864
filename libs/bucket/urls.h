// Signed URLs of a bucket that the hub itself serves: each for one method, one object, one length, minutes
// only. docs/protocol/bucket.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chunk/manifest.h"
#include "core/names.h"
#include "core/secret.h"
#include "net/http.h"
#include "net/url.h"

namespace kachery {

// What a URL stands for.
struct BucketObject {
  ZoneName zone;
  Digest name;                             // A chunk's SHA-256, or a manifest's.
  std::optional<Digest> manifest_of = {};  // The file, where it is a manifest.
  // Whose members may use the URL, where it is not made for the readers or uploaders of the zone.
  std::optional<ChannelName> channel = {};
  bool operator==(const BucketObject&) const = default;
};

struct SignedPut {
  std::string url;
  HttpFields fields;  // That the request must have, and whose values are signed.
};

// What a request with a valid URL may do.
struct BucketPermit {
  Method method;  // get or put; HEAD goes with get.
  BucketObject object;
  std::string actor;   // Who got the URL: a node ID, or "" for nobody known. For usage and the audit log.
  ByteCount size = 0;  // Of a put: exactly so many bytes.
  std::string upload = {};  // Of a put: the upload that it is for.
};

// Made of a secret; any number of processes that share it understand each other's URLs. Thread-safe.
class BucketUrls {
 public:
  // `base` is the address that URLs begin with: a public URL of the hub.
  BucketUrls(Secret key, Url base);

  // For GET and HEAD, until that second. `object.name` is a SHA-256.
  std::string get(const BucketObject& object, std::string_view actor, std::int64_t expires_s) const;
  // The request must have content-length, content-type "application/octet-stream", if-none-match "*" and
  // x-amz-content-sha256, each once, and no other content-*, if-*, x-amz-* or transfer-*.
  SignedPut put(const BucketObject& object, std::string_view actor, std::string_view upload, ByteCount size,
                std::int64_t expires_s) const;

  // `head.path` is what stands behind the public URL's prefix. Code::denied, for whatever reason: expired,
  // altered, another method, fields that are not those that were signed. One message says what was wrong only
  // as far as a stranger may know.
  Result<BucketPermit> check(const RequestHead& head, std::int64_t now_s) const;

 private:
  Secret key_;
  Url base_;
};

}  // namespace kachery
