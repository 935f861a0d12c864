// What every answer of a hub may be, and what a hub says of itself. docs/protocol/README.md.
#pragma once

#include "wire/codec.h"

namespace kachery::wire {

// The body of every answer that is no success.
struct Failure {
  struct About {
    Code code;
    std::string message;
    std::string request;  // By which the hub's log knows the request.
    static constexpr auto kFields =
        fields("code", &About::code, "message", &About::message, "request", &About::request);
  };
  About error;
  std::int64_t now_ms;  // The hub's time: whoever signs corrects its clock by it.
  static constexpr auto kFields = fields("error", &Failure::error, "now_ms", &Failure::now_ms);
};

// GET /v1/hub, unsigned.
struct HubInfo {
  std::string program;  // "kachery"
  std::string version;
  bool open;                             // Whether it registers every key.
  std::vector<std::string> public_urls;  // Under which requests are to be signed.
  std::int64_t now_ms;
  static constexpr auto kFields =
      fields("program", &HubInfo::program, "version", &HubInfo::version, "open", &HubInfo::open,
             "public_urls", &HubInfo::public_urls, "now_ms", &HubInfo::now_ms);
};

// The answer where there is nothing to say.
struct Done {
  bool done;
  static constexpr auto kFields = fields("done", &Done::done);
};

}  // namespace kachery::wire
