#include "daemon/daemon.h"

#include <fmt/format.h>

#include "client/settings.h"
#include "core/text.h"
#include "daemon/hub_link.h"
#include "daemon/older_link.h"
#include "daemon/reconnecting.h"
#include "net/client.h"
#include "wire/hub.h"

namespace kachery::daemon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kInfoWait{10'000};
constexpr milliseconds kStopEvery{100};
constexpr milliseconds kStopWait{5'000};

// A connection that lasted so long was a good one: after it the next attempt comes soon.
constexpr milliseconds kGoodTime{5'000};

constexpr int kOk = 200;
constexpr int kInternal = 500;

enum class Dialect : std::uint8_t { hub, older_proxy };

// Blocks. Who answers as a hub is one; a proxy of gen2 has no such page. Code::unavailable while nobody can
// tell.
Result<Dialect> find_dialect(HttpClient& http, const Url& url, const std::atomic<bool>& stop) {
  const ClientRequest request{.method = Method::get, .url = url.str() + "/v1/hub", .wait_max = kInfoWait};
  KACHERY_TRY(response, http.send(request, stop));
  if (response.status >= kInternal)
    return fail(Code::unavailable, fmt::format("{} answers with HTTP status {}", url.str(), response.status));
  const Result<wire::HubInfo> info = wire::parse<wire::HubInfo>(response.body);
  return response.status == kOk && info ? Dialect::hub : Dialect::older_proxy;
}

// Whether what goes there may be read and altered on the way.
bool is_readable(const Url& url) {
  return !url.secure && !url.is_loopback() && environment("KACHERY_INSECURE_HTTP") != "1";
}

// The proxy's address may be the hub's without the pin that is configured for it.
Url with_pin(Url url, const Configuration& configuration) {
  const Result<Url> hub = Url::parse(configuration.gateway_url.value);
  if (hub && !url.pin && hub->str() == url.str()) url.pin = hub->pin;
  return url;
}

Configuration at_hub(Configuration configuration, const Url& url) {
  configuration.gateway_url = {url.pinned(), "proxyUrl of kachery-resource.yaml"};
  return configuration;
}

// What is served in one dialect: whose files, sent to which hub.
struct Service {
  Service(Configuration configuration, Loop& loop, const ResourceSettings& settings, const Output& output)
      : session(std::move(configuration)),
        provider({.loop = loop,
                  .session = session,
                  .zone = settings.zone,
                  .uploads_max = settings.uploads_max,
                  .say = output.print}) {}

  Session session;
  FileProvider provider;
};

class Daemon {
 public:
  Daemon(const Configuration& configuration, ResourceSettings settings, KeyPair key, Output output,
         const std::atomic<bool>& stop)
      : settings_(std::move(settings)),
        url_(with_pin(settings_.proxy_url, configuration)),
        output_(std::move(output)),
        stop_(stop),
        loop_(settings_.uploads_max + 4),
        stopping_(loop_),
        ended_(loop_),
        http_(url_.pin),
        signer_{std::move(key)},
        at_hub_(at_hub(configuration, url_), loop_, settings_, output_),
        at_older_proxy_(configuration, loop_, settings_, output_),
        older_uploads_(at_older_proxy_.provider, loop_) {}

  void run() {
    loop_.spawn(serve());
    loop_.spawn(watch_stop());
    loop_.run();
  }

 private:
  Link link_of(Service& service) { return {loop_, settings_, url_, service.provider, output_, stopping_}; }

  Task<LinkEnd> serve_once() {
    const auto ask = [this] { return find_dialect(http_, url_, stop_); };
    const Result<Dialect> dialect = co_await loop_.offload(ask);
    if (!dialect) co_return LinkEnd{dialect.error()};
    const Link link = link_of(*dialect == Dialect::hub ? at_hub_ : at_older_proxy_);
    if (*dialect == Dialect::hub) {
      LinkEnd end = co_await serve_at_hub(link, signer_);
      co_return end;
    }
    if (is_readable(url_))
      output_.warn("The proxy's secret goes there through plain http, where it can be read on the way.");
    LinkEnd end = co_await serve_at_older_proxy(link, older_uploads_);
    co_return end;
  }

  Task<> serve() {
    Backoff backoff;
    while (!stopping_.is_requested()) {
      output_.print("Connecting to " + url_.str());
      const auto begun = std::chrono::steady_clock::now();
      const LinkEnd end = co_await serve_once();
      if (stopping_.is_requested()) break;
      if (end.has_served && std::chrono::steady_clock::now() - begun >= kGoodTime) backoff.reset();
      const milliseconds wait = backoff.next();
      output_.warn(printable(end.why.message));
      output_.print(fmt::format("Disconnected. Will try again in {:.1f} seconds.",
                                std::chrono::duration<double>(wait).count()));
      co_await stopping_.sleep(wait);
    }
    has_ended_ = true;
    ended_.notify();
  }

  // What still waits after that, such as for a connection, is given up.
  Task<> watch_stop() {
    while (!stop_) co_await loop_.sleep(kStopEvery);
    stopping_.request();
    co_await at_hub_.provider.stop(kStopWait);
    co_await at_older_proxy_.provider.stop(kStopWait);
    if (!has_ended_) co_await ended_.wait(kStopWait);
    loop_.stop();
  }

  const ResourceSettings settings_;
  const Url url_;
  const Output output_;
  const std::atomic<bool>& stop_;
  Loop loop_;
  Stopping stopping_;
  Signal ended_;
  bool has_ended_ = false;
  HttpClient http_;
  Signer signer_;
  Service at_hub_;
  Service at_older_proxy_;
  OlderUploads older_uploads_;
};

}  // namespace

Result<> provide(const Configuration& configuration, ResourceSettings settings, Output output,
                 const std::atomic<bool>& stop) {
  if (configuration.offline)
    return fail(Code::invalid, "a resource cannot be shared: this process works offline");
  KACHERY_TRY(key, find_identity(configuration, MissingKey::generate));
  Daemon daemon(configuration, std::move(settings), *std::move(key), std::move(output), stop);
  daemon.run();
  return {};
}

}  // namespace kachery::daemon
