// Live: what a node and a hub say to each other over /v1/live, as calls of a net::Channel.
// docs/protocol/live.md.
#pragma once

#include "wire/codec.h"
#include "wire/resources.h"

namespace kachery::wire {

// The call "serve", of a node, once: what it provides from then on. Answered by Serving. Code::denied,
// Code::not_found if the name is not registered, Code::exists if another daemon serves it.
struct Serve {
  ZoneName zone;
  // Null: every one of the zone that is registered for the node's key, and the channels in which it provides.
  std::optional<ResourceName> resource;
  std::string program;  // "kachery 0.2.0", for logs.
  static constexpr auto kFields =
      fields("zone", &Serve::zone, "resource", &Serve::resource, "program", &Serve::program);
};

struct Serving {
  std::optional<std::string> resource_url;  // By which older programs ask for the one that was named.
  static constexpr auto kFields = fields("resource_url", &Serving::resource_url);
};

// The call "have", of the hub: whether a file is here that may be provided in one of these channels. Answered
// by Had, within a second or two.
struct Have {
  ZoneName zone;
  Digest digest;
  std::vector<ChannelName> channels;  // At least one.
  static constexpr auto kFields =
      fields("zone", &Have::zone, "digest", &Have::digest, "channels", &Have::channels);
};

struct Had {
  std::optional<std::uint64_t> size;  // Null: it is not, or not for these channels.
  static constexpr auto kFields = fields("size", &Had::size);
};

// The call "upload", of the hub: to send a file to the zone that is served, or to a channel of it, if it is
// there. While it goes on, progress is an AskState; it is answered by the last one. Cancelled, it stops.
struct Upload {
  ZoneName zone;
  Digest digest;
  std::optional<ChannelName> channel;  // Null: to the zone.
  std::optional<NodeId> asker;         // Who asked first; null: somebody without a key.
  static constexpr auto kFields = fields("zone", &Upload::zone, "digest", &Upload::digest, "channel",
                                         &Upload::channel, "asker", &Upload::asker);
};

// The call "notice", of the hub: something that whoever keeps the daemon should know, such as that a second
// one tried to serve the same name. Answered by Done.
struct Notice {
  std::string message;
  static constexpr auto kFields = fields("message", &Notice::message);
};

}  // namespace kachery::wire
