// What kachery doctor says of channels: what this node may do there, and who could be asked for a file.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/text.h"
#include "daemon/daemon_place.h"
#include "health.h"

namespace kachery::cli {
namespace {

Result<wire::ChannelList> channels_of(Session& session, Progress& progress) {
  KACHERY_TRY(zone, session.zone_or_default({}));
  KACHERY_TRY(hub, session.hub(MissingKey::none));
  return hub->call(remote::kListChannels, wire::ListChannels{zone, std::nullopt, false}, progress.cancel);
}

std::string names_where(const wire::ChannelList& list, Role role) {
  std::string names;
  for (const wire::Channel& channel : list.channels)
    if (channel.effective.has(role)) names += (names.empty() ? "" : ", ") + channel.name.str();
  return names;
}

// Why the node does not request files in a channel that it is a member of.
Check check_requesting(const wire::Channel& channel) {
  const std::string name = channel.name.str();
  const std::string role(role_word(Role::request_files));
  if (!channel.granted.has(Role::request_files))
    return {"channel", Status::warning,
            fmt::format("in the channel {} this node is not granted {}", name, role),
            fmt::format("ask {}, whose it is: kachery channel grant {} NODE {}", channel.owner.str(), name,
                        role)};
  return {"channel", Status::warning, fmt::format("in the channel {} this node does not want {}", name, role),
          fmt::format("kachery channel set-roles {} {}", name,
                      fmt::join((channel.wanted | Roles{Role::request_files}).words(), " "))};
}

// Who of a channel could be asked.
Check check_providers(Session& session, const wire::Channel& channel, const Digest& digest,
                      Progress& progress) {
  const std::string name = channel.name.str();
  const auto holders = session.find_holders(digest, {}, channel.name, progress);
  if (!holders)
    return {"channel", Status::error, fmt::format("the channel {}: {}", name, holders.error().message),
            "try again"};
  if (holders->asked == 0)
    return {"channel", Status::warning,
            fmt::format("no node that provides files in the channel {} is connected", name),
            "ask its members to run kachery daemon start, and to want provideFiles there"};
  const std::string silent =
      holders->silent == 0 ? "" : fmt::format("; {} of them did not answer", holders->silent);
  return {"channel", Status::warning,
          fmt::format("nodes that provide files in the channel {} and are connected: {}; none has it{}", name,
                      holders->asked, silent),
          "ask whoever has it to store or link it there, or to connect"};
}

}  // namespace

Checks check_channels(Session& session, Progress& progress) {
  const auto list = channels_of(session, progress);
  if (!list) return {};  // What is said of the hub, the node and the zone says why.
  if (list->channels.empty()) return {};
  const std::string requests = names_where(*list, Role::request_files);
  Checks checks{{"channels", Status::ok,
                 fmt::format("a member of {}, requests files in: {}", list->channels.size(),
                             requests.empty() ? "none" : requests)}};
  const std::string provides = names_where(*list, Role::provide_files);
  if (provides.empty()) return checks;
  const auto daemon = daemon::daemon_status(session.configuration());
  if (!daemon) {
    checks.push_back({"daemon", Status::warning,
                      fmt::format("this node provides files in {}, but its daemon does not run", provides),
                      "kachery daemon start --background"});
  } else if (daemon->state == daemon::kConnected) {
    checks.push_back({"daemon", Status::ok, fmt::format("connected; provides files in {}", provides)});
  } else {
    checks.push_back({"daemon", Status::warning,
                      fmt::format("this node provides files in {}, but its daemon is not connected: {}",
                                  provides, printable(daemon->why.value_or(daemon->state))),
                      "see its log (kachery daemon status)"});
  }
  return checks;
}

Checks explain_channels(Session& session, const Digest& digest, Progress& progress) {
  const auto list = channels_of(session, progress);
  if (!list) return {};
  if (list->channels.empty())
    return {{"channel", Status::ok, "this node is a member of no channel of the zone",
             "if it is in one, ask the channel's owner for a code: kachery channel join NAME CODE"}};
  Checks checks;
  for (const wire::Channel& channel : list->channels)
    checks.push_back(channel.effective.has(Role::request_files)
                         ? check_providers(session, channel, digest, progress)
                         : check_requesting(channel));
  return checks;
}

}  // namespace kachery::cli
