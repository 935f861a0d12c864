#include "client/asking.h"

#include "client/settings.h"
#include "core/text.h"
#include "remote/older_proxy.h"

namespace kachery {
namespace {

constexpr const char* kVariable = "KACHERY_RESOURCE_URL";

bool is_below(const Url& url, const Url& hub) {
  return url.secure == hub.secure && url.host == hub.host && url.port == hub.port &&
         url.prefix.starts_with(hub.prefix + "/");
}

// `where` has said the address.
Result<Resource> resource_at(const Zone& zone, const std::string& address, const std::string& where) {
  const Result<Url> url = Url::parse(address);
  if (!url) return fail(Code::invalid, "the resource's address (" + where + "): " + url.error().message);
  const Result<ResourceName> name = ResourceName::parse(url->prefix.substr(url->prefix.rfind('/') + 1));
  if (!name)
    return fail(Code::invalid, "the resource's address (" + where +
                                   ") names none: HUB/r/NAME was expected, not " + printable(address));
  if (is_below(*url, zone.hub.url())) return Resource{*name, std::nullopt};
  return Resource{*name, *url};
}

Result<Resource> registered(const Zone& zone, const std::string& text, const std::atomic<bool>& cancel) {
  KACHERY_TRY(name, ResourceName::parse(text));
  KACHERY_TRY(list, zone.hub.call(remote::kListResources, wire::ListResources{zone.name, name}, cancel));
  if (list.resources.empty())
    return fail(Code::not_found, "Resource not found in zone: " + text + ": the " + zone.str() +
                                     " has none of this name; whoever provides it registers it with "
                                     "kachery resource register " +
                                     text);
  const wire::Resource& resource = list.resources.front();
  if (resource.name != name)
    return fail(Code::unavailable, "the " + zone.str() + " answered about another resource than " + text);
  if (!resource.proxy_url) return Resource{name, std::nullopt};
  const Result<Url> proxy = Url::parse(*resource.proxy_url);
  if (proxy && *proxy == zone.hub.url()) return Resource{name, std::nullopt};
  const std::string address = proxy ? proxy->str() + "/r/" + text : *resource.proxy_url;
  KACHERY_TRY(found, resource_at(zone, address, "as the resource " + text + " is registered"));
  if (found.older) found.older->pin = proxy->pin;
  return found;
}

std::string progress_of(const wire::AskState& state) {
  if (state.state != wire::kRunning || !state.size || !state.bytes_uploaded)
    return "it is not uploaded (" + state.state + ")";
  return std::to_string(*state.bytes_uploaded) + " of " + std::to_string(*state.size) + " bytes are uploaded";
}

std::string said_by(const wire::AskState& state) {
  return state.message ? ": " + printable(*state.message) : "";
}

// Of all but "not_found".
Result<> outcome_by(const wire::AskState& state, const std::string& asked) {
  if (state.state == wire::kCompleted) return {};
  if (state.state == wire::kError)
    return fail(state.code.value_or(Code::unavailable), asked + ", and could not upload it" + said_by(state));
  return fail(Code::timed_out, asked + ", and " + progress_of(state) + " so far; ask again");
}

}  // namespace

bool is_resource_named() {
  return environment(kVariable).has_value();
}

std::string Resource::str() const {
  return "the resource " + name.str() + (older ? " (" + older->str() + ")" : "");
}

Result<Resource> find_resource(const Zone& zone, const Asking& asking, const std::atomic<bool>& cancel) {
  if (!asking.resource.empty() && !asking.resource_url.empty())
    return fail(Code::invalid, "a resource is named twice, by its name and by its address: give one of them");
  if (!asking.resource.empty()) return registered(zone, asking.resource, cancel);
  if (!asking.resource_url.empty()) return resource_at(zone, asking.resource_url, "resource_url");
  const auto named = environment(kVariable);
  if (named) return resource_at(zone, *named, kVariable);
  return fail(Code::invalid, std::string("no resource was named: say which one, or set ") + kVariable);
}

Result<wire::AskState> ask_resource(const Zone& zone, const Resource& resource, const Digest& digest,
                                    const Asking& asking, Relay relay, const OnAskState& on_state,
                                    const std::atomic<bool>& cancel) {
  if (resource.older) {
    const bool insecure_http = environment("KACHERY_INSECURE_HTTP") == "1";
    return remote::ask_older_proxy(
        {*resource.older, resource.name, zone.name, digest, asking.wait, insecure_http}, on_state, cancel);
  }
  wire::AskFile message{.zone = zone.name,
                        .digest = digest,
                        .resource = resource.name,
                        .channel = {},
                        .timeout_ms = static_cast<std::uint64_t>(asking.wait.count()),
                        .ignore_bucket = asking.ignore_bucket};
  if (relay == Relay::yes) message.relay = true;
  return zone.hub.ask(message, on_state, cancel);
}

Result<> cancel_asking(const Zone& zone, const Resource& resource, const Digest& digest,
                       const std::atomic<bool>& cancel) {
  if (resource.older)
    return fail(Code::unavailable, resource.str() +
                                       " is asked through a proxy of an older kind, "
                                       "where nothing can be cancelled");
  const wire::CancelAsk message{zone.name, digest, resource.name, std::nullopt};
  KACHERY_TRY(zone.hub.call(remote::kCancelAsk, message, cancel));
  return {};
}

Result<wire::AskState> ask_channels(const Zone& zone, const Digest& digest, const ChannelAsking& asking,
                                    Relay relay, const OnAskState& on_state,
                                    const std::atomic<bool>& cancel) {
  wire::AskFile message{.zone = zone.name,
                        .digest = digest,
                        .resource = {},
                        .channel = zone.channel,
                        .timeout_ms = static_cast<std::uint64_t>(asking.wait.count()),
                        .ignore_bucket = asking.ignore_bucket};
  if (relay == Relay::yes) message.relay = true;
  return zone.hub.ask(message, on_state, cancel);
}

Result<> outcome_of(const wire::AskState& state, const Resource& resource) {
  if (state.state == wire::kNotFound)
    return fail(Code::not_found, resource.str() + " was asked, and does not have it" + said_by(state));
  return outcome_by(state, resource.str() + " was asked");
}

Result<> outcome_in_channels(const wire::AskState& state) {
  if (state.state == wire::kNotFound)
    return fail(Code::not_found, state.message ? printable(*state.message) : "no node of a channel has it");
  return outcome_by(state, "nodes of channels were asked");
}

}  // namespace kachery
