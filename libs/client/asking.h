// Asking for a file that a zone does not have: a resource, or the nodes of channels. docs/guide/resource.md,
// docs/guide/channel.md.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "client/zone.h"
#include "core/names.h"
#include "net/url.h"
#include "wire/resources.h"

namespace kachery {

// The longest time that can be asked for, and what loading takes: whoever waits can stop.
constexpr std::chrono::milliseconds kAskWaitMax{24 * 3600 * 1000};

// Whom to ask, as people say it; with neither, whom KACHERY_RESOURCE_URL names.
struct Asking {
  std::string resource = {};      // Its name in the zone.
  std::string resource_url = {};  // Its address: HUB/r/NAME, or PROXY/r/NAME of a proxy of gen2.
  std::chrono::milliseconds wait = kAskWaitMax;  // 0: only look how it is.
  bool ignore_bucket = false;                    // Ask although the zone has the file.
};

// Whether KACHERY_RESOURCE_URL names a resource.
bool is_resource_named();

// A resource of a zone, and the way to it.
struct Resource {
  ResourceName name;
  std::optional<Url> older;  // The address at a proxy of gen2 that is asked; none: our hub is.

  // For messages: "the resource lab (https://proxy.example/r/lab)".
  std::string str() const;
};

// An address below the hub's means the hub. Code::not_found if no resource of this name is registered,
// Code::invalid if none is named, or in a way that cannot be used; as calls to the hub.
Result<Resource> find_resource(const Zone& zone, const Asking& asking, const std::atomic<bool>& cancel);

using OnAskState = std::function<void(const wire::AskState&)>;

// Whether an asker is told of chunks as they come (wire::Arrivals). A proxy of gen2 tells of none.
enum class Relay : bool { no, yes };

// Until it has ended, or the time is over: how it is then. Failures as of remote::Hub::ask and
// remote::ask_older_proxy; to the latter goes no signature and no token.
Result<wire::AskState> ask_resource(const Zone& zone, const Resource& resource, const Digest& digest,
                                    const Asking& asking, Relay relay, const OnAskState& on_state,
                                    const std::atomic<bool>& cancel);

// Takes the interest back. Code::unavailable at a proxy of gen2, which knows nothing of that.
Result<> cancel_asking(const Zone& zone, const Resource& resource, const Digest& digest,
                       const std::atomic<bool>& cancel);

// Success if the resource has uploaded it; else why there is nothing to load: Code::not_found if it does not
// have it, Code::timed_out if it is not done yet.
Result<> outcome_of(const wire::AskState& state, const Resource& resource);

// How the nodes that provide files in channels are asked: those of the zone's channel; where it names none,
// of all channels in which this node requests files.
struct ChannelAsking {
  std::chrono::milliseconds wait = kAskWaitMax;
  bool ignore_bucket = false;  // Ask although the file is there.
};

// As ask_resource.
Result<wire::AskState> ask_channels(const Zone& zone, const Digest& digest, const ChannelAsking& asking,
                                    Relay relay, const OnAskState& on_state, const std::atomic<bool>& cancel);
// As of a resource.
Result<> outcome_in_channels(const wire::AskState& state);

}  // namespace kachery
