#include "zone_choice.h"

#include <fmt/format.h>

#include "console.h"
#include "core/text.h"
#include "core/uri.h"

namespace kachery::cli {

Result<> require_hub(const Configuration& configuration, std::string_view what) {
  if (configuration.offline)
    return fail(Code::unavailable, fmt::format("{} is set, so nobody else is asked; {} needs a hub",
                                               configuration.directory_origin, what));
  if (!configuration.gateway_url.value.empty()) return {};
  return fail(
      Code::unavailable,
      fmt::format("no hub is configured: set KACHERY_GATEWAY_URL, or gatewayUrl in config.yaml, or run "
                  "kachery init; {} needs one",
                  what));
}

void ZoneChoice::declare(Options& options, const char* zone_help, const char* local_help) {
  options.option("--zone", zone, zone_help);
  options.flag("--local", local, local_help);
}

void ZoneChoice::declare_sources(Options& options) {
  declare(options, "The zone of the hub to ask for what is not here, instead of the one that is configured",
          "Ask nobody else");
  options.option("--resource", resource,
                 "The resource to ask for what the zone does not have, instead of KACHERY_RESOURCE_URL");
  options.option("--channel", channel, "Ask this channel of the zone and its nodes only, and not the zone");
  options.option("--timeout", timeout_s,
                 "How many seconds those who are asked may take to upload it, instead of a day");
}

void ZoneChoice::declare_destination(Options& options, const char* zone_help, const char* local_help) {
  declare(options, zone_help, local_help);
  options.option("--upload-to-channel", channel, "The channel that gets it, instead of the zone");
}

Result<std::optional<ChannelName>> ZoneChoice::channel_name(const Configuration& configuration) const {
  if (channel.empty()) return std::nullopt;
  if (local)
    return fail(Code::invalid, "--local is for this machine only, and a channel is not: give one of them");
  KACHERY_TRY(parsed, ChannelName::parse(channel));
  KACHERY_TRY(require_hub(configuration, "a channel"));
  return parsed;
}

Result<std::optional<ZoneName>> ZoneChoice::name(const Configuration& configuration) const {
  if (zone.empty()) return std::nullopt;
  if (local)
    return fail(Code::invalid, "--local is for this machine only, and --zone asks a zone: give one of them");
  KACHERY_TRY(parsed, ZoneName::parse(zone));
  KACHERY_TRY(require_hub(configuration, "--zone"));
  return parsed;
}

Result<Sources> ZoneChoice::sources(const Configuration& configuration) const {
  KACHERY_TRY(named, name(configuration));
  KACHERY_TRY(of_channel, channel_name(configuration));
  Sources sources{.local_only = local, .zone = std::move(named), .channel = std::move(of_channel)};
  if (timeout_s) {
    constexpr auto kMax = std::chrono::duration_cast<std::chrono::seconds>(kAskWaitMax);
    sources.ask_wait = std::chrono::seconds(std::min<ByteCount>(*timeout_s, kMax.count()));
  }
  if (local && !resource.empty())
    return fail(Code::invalid,
                "--local is for this machine only, and --resource asks another: give one of them");
  if (!resource.empty()) KACHERY_TRY(require_hub(configuration, "--resource"));
  if (sources.channel && !resource.empty())
    return fail(Code::invalid,
                "a resource uploads to the zone, and --channel asks that channel only: give one of them");
  if (!local && !sources.channel && (!resource.empty() || is_resource_named()))
    sources.asking = Asking{.resource = resource, .wait = sources.ask_wait};
  return sources;
}

Sources sources_of_environment(Location location) {
  Sources sources{location};
  if (is_resource_named()) sources.asking.emplace();
  return sources;
}

Result<> upload_stored(Context& context, std::span<const Stored> stored, const ZoneChoice& choice) {
  KACHERY_TRY(session, context.session());
  KACHERY_TRY(zone, choice.name(session->configuration()));
  KACHERY_TRY(channel, choice.channel_name(session->configuration()));
  if (choice.local || !session->has_hub() || stored.empty()) return {};
  std::vector<Digest> digests;
  digests.reserve(stored.size());
  for (const Stored& one : stored) digests.push_back(one.digest);
  context.progress.bytes_done = 0;
  context.progress.items_done = 0;
  const ProgressPrinter printer(context.progress, "uploading", context.common.quiet);
  Result<> sent = session->upload(digests, zone, context.progress, channel);
  if (sent) return {};
  const std::string rest = digests.size() > 1 ? fmt::format(" and {} more", digests.size() - 1) : "";
  return fail(sent.error().code, fmt::format("{}{}: stored here, but not all of it in the {}: {}",
                                             Uri{digests.front(), ""}.str(), rest,
                                             channel ? "channel" : "zone", sent.error().message));
}

Result<std::vector<Digest>> parse_digests(std::span<const std::string> names) {
  std::vector<Digest> digests;
  digests.reserve(names.size());
  for (const std::string& name : names) {
    KACHERY_TRY(uri, Uri::parse(name));
    digests.push_back(uri.digest);
  }
  return digests;
}

}  // namespace kachery::cli
