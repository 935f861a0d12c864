// The commands about a zone's resources: what they are called, and whose they are.
#include <fmt/format.h>

#include "administration.h"
#include "commands.h"
#include "json/json.h"
#include "zone_command.h"

namespace kachery::cli {
namespace {

// By which KACHERY_RESOURCE_URL names it.
std::string url_of(const wire::Resource& resource, const remote::Hub& hub) {
  return resource.proxy_url.value_or(hub.url().str()) + "/r/" + resource.name.str();
}

json::Object as_json(const wire::Resource& resource, const remote::Hub& hub) {
  return {{"name", resource.name.str()},           {"user", resource.user.str()},
          {"node", resource.node.hex()},           {"connected", resource.connected},
          {"url", url_of(resource, hub)},          {"older", resource.older},
          {"created", moment(resource.created_ms)}};
}

class ResourceCommand : public ZoneCommand {
 public:
  explicit ResourceCommand(MissingKey missing = MissingKey::none)
      : ZoneCommand("kachery resource", missing) {}
};

class RegisterCommand final : public ResourceCommand {
 public:
  RegisterCommand() : ResourceCommand(MissingKey::generate) {}

  void declare(Options& options) override {
    options.argument("name", name_, "What it is to be called in the zone");
    options.option("--url", url_, "The address of the proxy where it is asked, if that is not the hub");
    options.flag("--older", older_,
                 "Let a kachery-resource daemon of the older program serve it, which proves no key, only the "
                 "proxy's secret");
    declare_zone(options);
  }

 private:
  Result<> act(const Context& context, remote::Hub& hub, const ZoneName& zone) const override {
    KACHERY_TRY(name, ResourceName::parse(name_));
    std::optional<std::string> proxy_url;
    if (!url_.empty()) {
      KACHERY_TRY(url, Url::parse(url_));
      if (url != hub.url()) proxy_url = url.pinned();
    }
    const wire::RegisterResource message{zone, name, proxy_url, older_};
    KACHERY_TRY(resource, hub.call(remote::kRegisterResource, message, context.progress.cancel));
    return context.print_fields(as_json(resource, hub));
  }

  std::string name_;
  std::string url_;  // Empty: the hub's.
  bool older_ = false;
};

class ListCommand final : public ResourceCommand {
 public:
  void declare(Options& options) override { declare_zone(options); }

 private:
  Result<> act(const Context& context, remote::Hub& hub, const ZoneName& zone) const override {
    const wire::ListResources question{zone, std::nullopt};
    KACHERY_TRY(list, hub.call(remote::kListResources, question, context.progress.cancel));
    json::Array items;
    std::string lines;
    for (const wire::Resource& resource : list.resources) {
      items.emplace_back(as_json(resource, hub));
      lines += fmt::format("{}\t{}\t{}\t{}\n", resource.name.str(), resource.user.str(),
                           resource.connected ? "connected" : "-", url_of(resource, hub));
    }
    if (context.common.json) return context.print(json::Object{{"resources", std::move(items)}});
    return context.write(as_bytes(lines));
  }
};

// Of one that has its name already.
class NamedResourceCommand : public ResourceCommand {
 public:
  void declare(Options& options) override {
    options.argument("name", name_, "What it is called in the zone");
    declare_zone(options);
  }

 private:
  virtual Result<> act_on(const Context& context, remote::Hub& hub, const ZoneName& zone,
                          const ResourceName& name) const = 0;

  Result<> act(const Context& context, remote::Hub& hub, const ZoneName& zone) const final {
    KACHERY_TRY(name, ResourceName::parse(name_));
    return act_on(context, hub, zone, name);
  }

  std::string name_;
};

class ShowCommand final : public NamedResourceCommand {
  Result<> act_on(const Context& context, remote::Hub& hub, const ZoneName& zone,
                  const ResourceName& name) const override {
    const wire::ListResources question{zone, name};
    KACHERY_TRY(list, hub.call(remote::kListResources, question, context.progress.cancel));
    if (!list.resources.empty()) return context.print_fields(as_json(list.resources.front(), hub));
    return fail(Code::not_found,
                fmt::format("the zone {} of {} has no resource {}; kachery resource list names those it has, "
                            "kachery resource register {} makes one",
                            zone.str(), hub.url().str(), name.str(), name.str()));
  }
};

class RemoveCommand final : public NamedResourceCommand {
  Result<> act_on(const Context& context, remote::Hub& hub, const ZoneName& zone,
                  const ResourceName& name) const override {
    const wire::RemoveResource message{zone, name};
    KACHERY_TRY(hub.call(remote::kRemoveResource, message, context.progress.cancel));
    return context.print_fields({{"removed", name.str()}});
  }
};

}  // namespace

CommandList resource_commands() {
  return {
      {"resource", "The resources of a zone: nodes that upload what is asked for", nullptr},
      {"resource register", "Bind a name to this node, whose daemon then serves it",
       make_command<RegisterCommand>},
      {"resource list", "Print those of the zone, and whether their daemons are connected",
       make_command<ListCommand>},
      {"resource show", "Print one of them", make_command<ShowCommand>},
      {"resource remove", "Take a name back, as its user or as an admin of the zone",
       make_command<RemoveCommand>},
  };
}

}  // namespace kachery::cli
