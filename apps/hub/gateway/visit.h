// Visit: one request on its way through the gateway, and what is found out about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/digest.h"
#include "hub/access/access.h"
#include "hub/gateway/turns.h"
#include "net/server.h"

namespace kachery::hub {

struct Route;

// What a request asks for, as far as the decision about it needs to know.
struct Question {
  Action action;
  std::optional<ZoneName> zone = {};
  std::optional<ChannelName> channel = {};  // Where it is about one channel of the zone.
  std::size_t things = 1;                   // How many: what the rates count.
  bool brings_code = false;                 // Of a channel: it may be guessed.
  std::string object = {};                  // For the audit log: a digest, how many, a user.
};

// Belongs to Gateway::handle, and lives until the answer is begun. Network thread only.
struct Visit {
  Request& request;
  std::int64_t now_ms;  // When it came.
  const Route* route = nullptr;
  Actor actor = Anonymous{};
  bool signed_request = false;
  std::optional<Digest> signed_body = {};  // The SHA-256 that the body must have, by its signature.
  std::optional<Turn> turn = {};           // Of those who hold a large body.
  ByteCount received = 0;                  // Bytes of the body that were read.
  bool audited = false;
  std::optional<Question> admitted = {};  // What was allowed, as far as was known before it was looked at.

  // Of an answer whose status says more than its code does (429, 413, 405), and what else is in its head.
  std::optional<int> status = {};
  HttpFields fields = {};

  const RequestHead& head() const { return request.head(); }
};

}  // namespace kachery::hub
