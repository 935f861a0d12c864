// kachery hub serve: the hub itself, until it is told to stop; and what can be asked of it.
#include <fmt/format.h>

#include <filesystem>

#include "commands.h"
#include "hub/gateway/route_list.h"
#include "hub/hub.h"
#include "os/process.h"

namespace kachery::cli {
namespace {

class HubServeCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.option("--listen", listen_, "HOST:PORT; port 0 takes any that is free (127.0.0.1:8080)");
    options.option(
        "--public-url", public_urls_,
        "The address that clients use, where it is another, such as that of a proxy; several times");
    options.option("--trusted-proxy", trusted_proxies_,
                   "The address of a proxy that says truly whom it speaks for; several times");
    options.option("--certificate", certificate_,
                   "The certificate, with its chain, as PEM; goes with --private-key");
    options.option("--private-key", private_key_, "Its key, as PEM");
    options.flag("--open", open_, "For a trial: every key is registered, and the zone default is public");
    options.flag("--insecure-http", insecure_http_,
                 "Plain HTTP, also for other machines: everybody may read along");
  }

  Result<int> run(Context& context) override {
    keep_memory_small();
    KACHERY_TRY(settings, settings_of(context));
    KACHERY_TRY(hub, hub::Hub::start(std::move(settings)));
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"address", hub->address()},
                                             {"directory", directory_of(context).native()},
                                             {"port", std::uint64_t{hub->port()}}}));
    } else {
      KACHERY_TRY(context.print(hub->address()));
    }
    KACHERY_TRY(hub->run(context.progress.cancel));
    return 0;
  }

 private:
  static std::filesystem::path directory_of(const Context& context) {
    return std::filesystem::absolute(context.common.directory).lexically_normal();
  }

  Result<hub::HubSettings> settings_of(const Context& context) const {
    if (context.common.directory.empty())
      return fail(Code::invalid, "name the directory of the hub with --dir; it is made if it is missing");
    KACHERY_TRY(listen, hub::Listen::parse(listen_));
    hub::HubSettings settings{.directory = directory_of(context),
                              .listen = std::move(listen),
                              .trusted_proxies = trusted_proxies_,
                              .open = open_,
                              .insecure_http = insecure_http_};
    for (const std::string& text : public_urls_) {
      KACHERY_TRY(url, Url::parse(text));
      url.pin.reset();
      settings.public_urls.push_back(std::move(url));
    }
    if (certificate_) settings.certificate = *certificate_;
    if (private_key_) settings.private_key = *private_key_;
    return settings;
  }

  std::string listen_ = "127.0.0.1:8080";
  std::vector<std::string> public_urls_;
  std::vector<std::string> trusted_proxies_;
  std::optional<std::string> certificate_;
  std::optional<std::string> private_key_;
  bool open_ = false;
  bool insecure_http_ = false;
};

class HubRoutesCommand final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    json::Array routes;
    for (hub::RouteDescription& route : hub::describe_routes()) {
      if (context.common.json) {
        routes.emplace_back(json::Object{{"method", route.method},
                                         {"path", std::move(route.path)},
                                         {"action", route.action},
                                         {"who", std::move(route.who)}});
      } else {
        KACHERY_TRY(
            context.print(fmt::format("{}\t{}\t{}\t{}", route.method, route.path, route.action, route.who)));
      }
    }
    if (context.common.json) KACHERY_TRY(context.print(json::Object{{"routes", std::move(routes)}}));
    return 0;
  }
};

}  // namespace

CommandList hub_serving_commands() {
  return {{"hub", "The server of a group", nullptr},
          {"hub serve", "Serve zones, until it is told to stop", make_command<HubServeCommand>, Place::hub},
          {"hub routes", "Print what can be asked of a hub, and who may", make_command<HubRoutesCommand>,
           Place::hub}};
}

}  // namespace kachery::cli
