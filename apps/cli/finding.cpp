// Who has a file: the zone, and the nodes that provide files in channels.
#include <fmt/format.h>

#include "commands.h"
#include "core/text.h"
#include "core/uri.h"
#include "json/json.h"
#include "zone_command.h"

namespace kachery::cli {
namespace {

std::string names_of(const std::vector<ChannelName>& channels) {
  std::string names;
  for (const ChannelName& channel : channels) names += (names.empty() ? "" : ", ") + channel.str();
  return names;
}

json::Array as_json(const std::vector<ChannelName>& channels) {
  json::Array names;
  for (const ChannelName& channel : channels) names.emplace_back(channel.str());
  return names;
}

class FindFile final : public ZoneCommand {
 public:
  FindFile() : ZoneCommand("kachery find-file") {}

  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH or sha256://HASH");
    options.option("--channel", channel_, "Ask in this channel only, and not the zone");
    declare_zone(options);
  }

 private:
  Result<> act(const Context& context, remote::Hub& hub, const ZoneName& zone) const override {
    KACHERY_TRY(uri, Uri::parse(name_));
    std::optional<ChannelName> channel;
    if (!channel_.empty()) {
      KACHERY_TRY(named, ChannelName::parse(channel_));
      channel = std::move(named);
    }
    const auto& cancel = context.progress.cancel;
    KACHERY_TRY(found, hub.call(remote::kFind, wire::Find{zone, {uri.digest}, channel}, cancel));
    KACHERY_TRY(holders, hub.call(remote::kAskHolders, wire::AskHolders{zone, uri.digest, channel}, cancel));
    if (found.files.size() != 1) return fail(Code::unavailable, "the hub answers about other files");
    const std::optional<wire::FoundFile>& stored = found.files.front();
    if (context.common.json) return print_json(context, stored, holders);
    return print_lines(context, stored, holders);
  }

  static Result<> print_json(const Context& context, const std::optional<wire::FoundFile>& stored,
                             const wire::Holders& holders) {
    json::Array nodes;
    for (const wire::Holder& holder : holders.holders)
      nodes.emplace_back(json::Object{{"node", holder.node.hex()},
                                      {"label", holder.label},
                                      {"channels", as_json(holder.channels)},
                                      {"size", holder.size}});
    return context.print(json::Object{{"uploaded", stored.has_value()},
                                      {"size", stored ? json::Value(stored->size) : json::Value()},
                                      {"channels", as_json(holders.channels)},
                                      {"asked", holders.asked},
                                      {"silent", holders.silent},
                                      {"nodes", std::move(nodes)}});
  }

  static Result<> print_lines(const Context& context, const std::optional<wire::FoundFile>& stored,
                              const wire::Holders& holders) {
    KACHERY_TRY(context.print(stored ? fmt::format("Uploaded: {} bytes", stored->size)
                                     : "Not uploaded where this node may read"));
    if (holders.channels.empty())
      return context.print(
          "This node requests files in no channel (kachery channel list), so no node was asked");
    KACHERY_TRY(context.print(fmt::format("Nodes that provide files in {}: {} connected, {} of them silent",
                                          names_of(holders.channels), holders.asked, holders.silent)));
    for (const wire::Holder& holder : holders.holders) {
      const std::string label = holder.label.empty() ? "" : " (" + printable(holder.label) + ")";
      KACHERY_TRY(context.print(fmt::format("{}{} has it, in {}: {} bytes", holder.node.hex(), label,
                                            names_of(holder.channels), holder.size)));
    }
    if (holders.holders.empty()) return context.print("None of them has it");
    return {};
  }

  std::string name_;
  std::string channel_;  // Empty: all in which this node requests files.
};

}  // namespace

CommandList finding_commands() {
  return {{"find-file", "Say who has a file: the zone, its channels, and the nodes that provide files there",
           make_command<FindFile>}};
}

}  // namespace kachery::cli
