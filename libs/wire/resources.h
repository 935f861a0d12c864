// Resources: nodes that provide files under a name; and asking them, or the nodes of channels.
// docs/protocol/resources.md, docs/protocol/channels.md.
#pragma once

#include "wire/codec.h"

namespace kachery::wire {

// POST /v1/resources/register: the name belongs to the signing node's key from then on; by the same key
// again, it changes what is registered. Code::exists if it is another key's.
struct RegisterResource {
  ZoneName zone;
  ResourceName name;
  std::optional<std::string> proxy_url;  // Where it is asked; null: at this hub.
  bool older;  // Served by a daemon of gen2, which proves the proxy's secret instead of a key.
  static constexpr auto kFields =
      fields("zone", &RegisterResource::zone, "name", &RegisterResource::name, "proxy_url",
             &RegisterResource::proxy_url, "older", &RegisterResource::older);
};

struct Resource {
  ResourceName name;
  NodeId node;    // Whose key the name belongs to.
  UserName user;  // Its user.
  std::optional<std::string> proxy_url;
  bool older;
  bool connected;  // Whether its daemon is connected to this hub now.
  std::int64_t created_ms;
  static constexpr auto kFields =
      fields("name", &Resource::name, "node", &Resource::node, "user", &Resource::user, "proxy_url",
             &Resource::proxy_url, "older", &Resource::older, "connected", &Resource::connected, "created_ms",
             &Resource::created_ms);
};

// POST /v1/resources/list: of a zone; with a name that one only, if it is there.
struct ListResources {
  ZoneName zone;
  std::optional<ResourceName> name;
  static constexpr auto kFields = fields("zone", &ListResources::zone, "name", &ListResources::name);
};

struct ResourceList {
  std::vector<Resource> resources;  // By name.
  static constexpr auto kFields = fields("resources", &ResourceList::resources);
};

// POST /v1/resources/remove: by a node of the user whose name it is, or an admin of the zone. Answered by
// Done.
struct RemoveResource {
  ZoneName zone;
  ResourceName name;
  static constexpr auto kFields = fields("zone", &RemoveResource::zone, "name", &RemoveResource::name);
};

// POST /v1/files/ask: for a file that the zone may not have yet, of a resource, or of the nodes that provide
// files in channels. Answered with lines (application/x-ndjson), each an AskState: one whenever it changes,
// one at least every 15 s; the last one says how it ended, or how it is when the time is over, and then the
// upload goes on without the asker.
struct AskFile {
  ZoneName zone;
  Digest digest;
  std::optional<ResourceName> resource;  // Null: channels are asked,
  std::optional<ChannelName> channel;    // this one, or all in which this node requests files.
  std::uint64_t timeout_ms;    // Up to a day; 0: how it is now is the answer, and the upload goes on.
  bool ignore_bucket;          // Ask although the file is there.
  Omissible<bool> relay = {};  // Whether to tell of chunks as they come; older programs do not know of it.
  static constexpr auto kFields =
      fields("zone", &AskFile::zone, "digest", &AskFile::digest, "resource", &AskFile::resource, "channel",
             &AskFile::channel, "timeout_ms", &AskFile::timeout_ms, "ignore_bucket", &AskFile::ignore_bucket,
             "relay", &AskFile::relay);
};

// How it is with a file that was asked for: the states that go on, and those that end it.
inline constexpr const char* kAsking = "asking";  // The provider has not answered yet.
inline constexpr const char* kQueued = "queued";
inline constexpr const char* kRunning = "running";
inline constexpr const char* kCompleted = "completed";  // The zone has it now.
inline constexpr const char* kNotFound = "not_found";   // Nobody who was asked has it.
inline constexpr const char* kError = "error";

// A chunk that has come before its upload is committed, and so nobody has checked that it belongs to the
// file.
struct ArrivedChunk {
  std::uint64_t number;  // Its place in the upload: the pages of the manifest come first.
  Digest sha256;
  std::uint64_t size;
  std::string url;
  static constexpr auto kFields = fields("number", &ArrivedChunk::number, "sha256", &ArrivedChunk::sha256,
                                         "size", &ArrivedChunk::size, "url", &ArrivedChunk::url);
};

// What has come of a file that is asked for, since the line before.
struct Arrivals {
  Digest manifest;                   // That the provider is going to commit.
  std::vector<ArrivedChunk> chunks;  // Up to kArrivalsMax.
  static constexpr auto kFields = fields("manifest", &Arrivals::manifest, "chunks", &Arrivals::chunks);
};

struct AskState {
  std::string state;                                 // One of those.
  std::optional<std::uint64_t> size = {};            // Of the file, once the provider has said it.
  std::optional<std::uint64_t> bytes_uploaded = {};  // Of it, so far; of chunks that were there already, too.
  std::optional<Code> code = {};                     // Of an error.
  std::optional<std::string> message = {};           // For people: why it is not there.
  Omissible<Arrivals> arrivals = {};                 // For those who asked with `relay`.
  static constexpr auto kFields =
      fields("state", &AskState::state, "size", &AskState::size, "bytes_uploaded", &AskState::bytes_uploaded,
             "code", &AskState::code, "message", &AskState::message, "arrivals", &AskState::arrivals);
};

inline AskState ask_failed(const Error& error) {
  return {.state = kError, .code = error.code, .message = error.message};
}

// Whether that is how it ended.
inline bool is_final(const AskState& state) {
  return state.state == kCompleted || state.state == kNotFound || state.state == kError;
}

// POST /v1/files/ask/cancel: this node wants it no more; if nobody else does, the provider stops. Answered by
// Done, also if there was nothing to cancel.
struct CancelAsk {
  ZoneName zone;
  Digest digest;
  std::optional<ResourceName> resource;  // As of AskFile.
  std::optional<ChannelName> channel;
  static constexpr auto kFields = fields("zone", &CancelAsk::zone, "digest", &CancelAsk::digest, "resource",
                                         &CancelAsk::resource, "channel", &CancelAsk::channel);
};

// POST /v1/files/holders: which nodes that are connected have a file, in the channel that is named, or in all
// in which this node requests files. Nothing is uploaded.
struct AskHolders {
  ZoneName zone;
  Digest digest;
  std::optional<ChannelName> channel;
  static constexpr auto kFields =
      fields("zone", &AskHolders::zone, "digest", &AskHolders::digest, "channel", &AskHolders::channel);
};

struct Holder {
  NodeId node;
  std::string label;
  std::vector<ChannelName> channels;  // In which it provides files, of those that were asked.
  std::uint64_t size;                 // Of the file, as it says.
  static constexpr auto kFields = fields("node", &Holder::node, "label", &Holder::label, "channels",
                                         &Holder::channels, "size", &Holder::size);
};

struct Holders {
  std::vector<ChannelName> channels;  // That were asked.
  std::uint64_t asked;                // Nodes that provide files there and are connected,
  std::uint64_t silent;               // of which so many did not answer.
  std::vector<Holder> holders;
  static constexpr auto kFields = fields("channels", &Holders::channels, "asked", &Holders::asked, "silent",
                                         &Holders::silent, "holders", &Holders::holders);
};

}  // namespace kachery::wire
