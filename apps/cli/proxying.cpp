// kachery proxy: the older rendezvous alone; and how it is reached at a hub (kachery hub admin proxy).

#include "administration.h"
#include "client/settings.h"
#include "commands.h"
#include "hub/hub_directory.h"
#include "hub/legacy/proxy.h"
#include "os/process.h"

namespace kachery::cli {
namespace {

constexpr const char* kSecretVariable = "PROXY_SECRET";
constexpr const char* kPortVariable = "PORT";
constexpr const char* kDefaultPort = "3030";

class HubProxyCommand final : public AdminCommand {
  void declare_own(Options&) override {}

  Result<> act(Context& context, remote::Hub& hub) override {
    if (context.common.directory.empty())
      return fail(Code::invalid,
                  "the proxy's secret is in the hub's directory: run this on its machine, with --dir");
    KACHERY_TRY(info, hub.info(context.progress.cancel));
    KACHERY_TRY(secret, hub::read_proxy_secret(context.common.directory));
    const std::string url = info.public_urls.empty() ? hub.url().str() : info.public_urls.front();
    return context.print_fields({{"proxy_url", url}, {"proxy_secret", std::string(secret.text())}});
  }
};

class ProxyCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.option("--listen", listen_, "HOST:PORT (127.0.0.1, and the port in PORT, else 3030)");
    options.option("--trusted-proxy", trusted_proxies_,
                   "The address of a server in front that says truly whom it speaks for; several times");
    options.flag("--insecure-http", insecure_http_,
                 "Plain HTTP, also for other machines: everybody may read along");
  }

  Result<int> run(Context& context) override {
    keep_memory_small();
    const std::optional<std::string> secret = environment(kSecretVariable);
    if (!secret || secret->empty())
      return fail(Code::invalid, std::string("set ") + kSecretVariable +
                                     " to what daemons must know, such as what openssl rand -hex 32 prints");
    const std::string port = environment(kPortVariable).value_or(kDefaultPort);
    KACHERY_TRY(listen, hub::Listen::parse(listen_.value_or("127.0.0.1:" + port)));
    const std::string host = listen.host;
    KACHERY_TRY(proxy, hub::Proxy::start({.listen = std::move(listen),
                                          .secret = Secret(as_bytes(*secret)),
                                          .insecure_http = insecure_http_,
                                          .trusted_proxies = trusted_proxies_}));
    const std::string shown = host.contains(':') ? "[" + host + "]" : host;
    const std::string address = "http://" + shown + ":" + std::to_string(proxy->port());
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"address", address}, {"port", std::uint64_t{proxy->port()}}}));
    } else {
      KACHERY_TRY(context.print(address));
    }
    proxy->run(context.progress.cancel);
    return 0;
  }

 private:
  std::optional<std::string> listen_;
  std::vector<std::string> trusted_proxies_;
  bool insecure_http_ = false;
};

}  // namespace

CommandList proxy_commands() {
  return {
      {"hub admin proxy", "Print how daemons of kachery-resource reach this hub: address and secret",
       make_command<HubProxyCommand>, Place::hub},
      {"proxy", "Serve the rendezvous of kachery-resource alone, without a hub", make_command<ProxyCommand>}};
}

}  // namespace kachery::cli
