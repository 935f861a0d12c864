// What kachery doctor says of the hub: whether it answers, knows this node, and takes files from it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "client/session.h"
#include "console.h"
#include "core/text.h"
#include "core/uri.h"
#include "health.h"

namespace kachery::cli {
namespace {

// How far clocks may be apart before it is worth a line: signatures hold for two minutes.
constexpr std::int64_t kClockOffMaxMs = 60'000;
// From where on a quota is said to be nearly used up, in percent.
constexpr std::uint64_t kNearlyAll = 95;

// What to do where the hub did not answer as it should.
std::string advice_for(const Error& error) {
  switch (error.code) {
    case Code::invalid:
      return "mend the address: https://HOST[:PORT][#FINGERPRINT], as whoever runs the hub gave it to you";
    case Code::unavailable:
    case Code::timed_out:
      return "check the address, the network and HTTPS_PROXY; ask whoever runs the hub whether it is up";
    case Code::denied:
      return "ask whoever runs the hub for its address with the right #FINGERPRINT; if it has not changed, "
             "somebody may be in between";
    default:
      return "ask whoever runs the hub; the request's ID is in the hub's log";
  }
}

Check check_answer(const std::string& name, const Error& error) {
  return {name, Status::error, error.message, advice_for(error)};
}

Check check_clock(const wire::HubInfo& info, std::int64_t now_ms) {
  const std::int64_t off_s = (now_ms - info.now_ms) / 1000;
  if (std::abs(now_ms - info.now_ms) <= kClockOffMaxMs)
    return {"hub-clock", Status::ok, "this machine's clock and the hub's agree"};
  return {"hub-clock", Status::warning,
          fmt::format("this machine's clock is {} s {} the hub's; requests are signed by the hub's",
                      std::abs(off_s), off_s > 0 ? "ahead of" : "behind"),
          "set the clock (timedatectl set-ntp true)"};
}

Check check_trust(const Url& url) {
  if (url.pin) return {"hub-tls", Status::ok, "the hub has the key that its address names"};
  if (url.secure)
    return {"hub-tls", Status::ok, "the hub's certificate is of an authority that this machine trusts"};
  if (url.is_loopback()) return {"hub-tls", Status::ok, "the hub is on this machine, and needs no TLS"};
  return {"hub-tls", Status::warning, "what goes to the hub can be read and changed on the way: plain HTTP",
          "use the hub's https address"};
}

Check check_node(const wire::WhoAmI& who) {
  if (who.revoked)
    return {"hub-node", Status::error, "this node was revoked: the hub refuses it for good",
            "use another store (KACHERY_DIR), or move private.pem and public.pem away, and run kachery init"};
  if (who.registered)
    return {"hub-node", Status::ok,
            fmt::format("registered as \"{}\" of {}", printable(who.label.value_or("")),
                        who.user ? who.user->str() : "nobody")};
  return {"hub-node", Status::warning,
          who.node ? "the hub does not know this node"
                   : "this node has no key yet, so the hub knows nothing of it",
          "run kachery init"};
}

Check check_rights(const wire::WhoAmI& who) {
  const std::string zone = who.zone.str();
  std::string may;
  for (const auto& [right, name] :
       {std::pair(who.rights.upload, "upload"), std::pair(who.rights.download, "download"),
        std::pair(who.rights.admin, "administer")})
    if (right) may += (may.empty() ? "" : ", ") + std::string(name);
  if (who.rights.upload && who.rights.download)
    return {"hub-zone", Status::ok, fmt::format("in the zone {} this node may {}", zone, may)};
  const std::string found = may.empty() ? fmt::format("there is no zone {}, or none for this node", zone)
                                        : fmt::format("in the zone {} this node may only {}", zone, may);
  return {"hub-zone", Status::warning, found,
          fmt::format("ask an admin of the zone for rights{}, or name another zone (KACHERY_ZONE)",
                      who.user ? " for the user " + who.user->str() : " once this node is registered")};
}

std::string share_of(const wire::Allowance& used, const auto& shown) {
  return used.max ? fmt::format("{} of {}", shown(used.used), shown(*used.max)) : shown(used.used);
}

Check check_quota(const wire::WhoAmI& who) {
  const auto number = [](std::uint64_t count) { return std::to_string(count); };
  const std::string what = fmt::format("stored in the zone {}: {}, {} files", who.zone.str(),
                                       share_of(who.bytes, human_size), share_of(who.objects, number));
  const auto nearly_all = [](const wire::Allowance& allowance) {
    return allowance.max && allowance.used >= *allowance.max / 100 * kNearlyAll;
  };
  if (!nearly_all(who.bytes) && !nearly_all(who.objects)) return {"hub-quota", Status::ok, what};
  return {"hub-quota", Status::warning, what,
          "take back what is not needed (kachery ls --mine, kachery rm --zone), or ask an admin for more"};
}

Check check_resource(const wire::Resource& resource, const std::string& zone) {
  const std::string name = resource.name.str();
  if (resource.connected)
    return {
        "resource", Status::ok,
        fmt::format("the resource {} is connected, and uploads to the zone {} what it has and is asked for",
                    name, zone)};
  return {"resource", Status::warning,
          fmt::format("the resource {} is registered in the zone {}, but its daemon is not connected", name,
                      zone),
          fmt::format("ask {}, whose it is, to run kachery-resource share there", resource.user.str())};
}

// Whom KACHERY_RESOURCE_URL names.
Check check_named_resource(const Zone& zone, std::span<const wire::Resource> known, Progress& progress) {
  const auto named = find_resource(zone, {}, progress.cancel);
  if (!named)
    return {"resource", Status::error, named.error().message,
            "set KACHERY_RESOURCE_URL to HUB/r/NAME, or unset it"};
  if (named->older)
    return {"resource", Status::ok,
            fmt::format("{} is asked for what the zone does not have; it is not of this hub, so nothing is "
                        "known of it here",
                        named->str())};
  for (const wire::Resource& resource : known)
    if (resource.name == named->name) return check_resource(resource, zone.name.str());
  return {
      "resource", Status::error,
      fmt::format("KACHERY_RESOURCE_URL names the resource {}, but none of that name is registered in the "
                  "zone {}",
                  named->name.str(), zone.name.str()),
      "kachery resource list names those that are; whoever provides one registers it: kachery resource "
      "register NAME"};
}

// Who could be asked for what the zone does not have.
Checks check_resources(Session& session, Progress& progress) {
  const auto hub = session.hub(MissingKey::none);
  if (!hub) return {check_answer("resource", hub.error())};
  const auto name = session.zone_or_default({});
  if (!name) return {check_answer("resource", name.error())};
  const auto list =
      (*hub)->call(remote::kListResources, wire::ListResources{*name, std::nullopt}, progress.cancel);
  if (!list && list.error().code == Code::denied)
    return {{"resource", Status::warning,
             fmt::format("this node may not ask the resources of the zone {}: {}", name->str(),
                         list.error().message),
             "ask an admin of the zone for the right to download"}};
  if (!list) return {check_answer("resource", list.error())};
  if (is_resource_named()) return {check_named_resource({**hub, *name}, list->resources, progress)};
  if (list->resources.empty())
    return {{"resource", Status::ok, fmt::format("the zone {} has no resource to ask", name->str())}};
  Checks checks;
  for (const wire::Resource& resource : list->resources) {
    checks.push_back(check_resource(resource, name->str()));
    if (resource.connected) checks.back().todo = "kachery load --resource " + resource.name.str() + " URI";
  }
  return checks;
}

Check check_content(Session& session, const std::string& name, Progress& progress) {
  const Result<Uri> uri = Uri::parse(name);
  if (!uri) return {"content", Status::error, uri.error().message, "check the URI"};
  const auto here = session.open(name, {.local_only = true}, progress);
  if (here) return {"content", Status::ok, fmt::format("{} is here, as {}", name, here->path.native())};
  if (!session.has_hub())
    return {"content", Status::error, here.error().message, "name a hub that has it: kachery init HUB-URL"};
  const Digest& digest = uri->digest;
  const auto there = session.find_in_zone({&digest, 1}, {}, progress);
  if (!there) return check_answer("content", there.error());
  if (there->front())
    return {"content", Status::ok,
            fmt::format("{} is not here, but in the zone: {}", name, human_size(there->front()->size))};
  const auto holders = session.find_holders(digest, {}, {}, progress);
  if (holders && !holders->holders.empty()) {
    const wire::Holder& holder = holders->holders.front();
    return {"content", Status::ok,
            fmt::format("{} is not here, but the node {} ({}) has it, and provides it in the channel {}",
                        name, holder.node.hex(), printable(holder.label), holder.channels.front().str())};
  }
  return {
      "content", Status::error, here.error().message + "; nor does the zone show it to this node",
      "ask whoever named it to you to store it in this zone, for the zone that it is in (--zone), or for the "
      "resource (--resource) or channel that has it"};
}

}  // namespace

Checks check_hub(Session& session, Progress& progress) {
  const Configuration& configuration = session.configuration();
  if (!session.has_hub())
    return {{"hub", Status::ok,
             configuration.offline ? "nobody else is asked (KACHERY_OFFLINE_STORAGE_DIR)"
                                   : "no hub is configured: files are on this machine only"}};
  Result<remote::Hub*> hub = session.hub(MissingKey::none);
  if (!hub) return {check_answer("hub", hub.error())};
  const Result<wire::HubInfo> info = (*hub)->info(progress.cancel);
  if (!info) return {check_answer("hub", info.error())};
  const std::int64_t now_ms = system_clock().now_ns() / 1'000'000;
  Checks checks{{"hub", Status::ok,
                 fmt::format("{} ({}) answers: kachery {}", (*hub)->url().str(),
                             printable(configuration.gateway_url.origin), printable(info->version))},
                check_clock(*info, now_ms),
                check_trust((*hub)->url())};
  const auto zone = session.zone_or_default({});
  if (!zone) {
    checks.push_back(check_answer("hub-zone", zone.error()));
    return checks;
  }
  const auto who = (*hub)->call(remote::kWhoAmI, wire::AskWhoAmI{*zone}, progress.cancel);
  if (!who) {
    checks.push_back(check_answer("hub-node", who.error()));
    return checks;
  }
  checks.push_back(check_node(*who));
  checks.push_back(check_rights(*who));
  if (who->registered) checks.push_back(check_quota(*who));
  return checks;
}

Checks check_names(Session& session, std::span<const std::string> names, Progress& progress) {
  Checks checks;
  for (const std::string& name : names) checks.push_back(check_content(session, name, progress));
  if (!session.has_hub()) return checks;
  const auto missing =
      std::ranges::find_if_not(checks, [](const Check& check) { return check.status == Status::ok; });
  if (missing == checks.end()) return checks;
  const Result<Uri> uri = Uri::parse(names[static_cast<std::size_t>(missing - checks.begin())]);
  if (uri) std::ranges::move(explain_channels(session, uri->digest, progress), std::back_inserter(checks));
  std::ranges::move(check_resources(session, progress), std::back_inserter(checks));
  return checks;
}

}  // namespace kachery::cli
