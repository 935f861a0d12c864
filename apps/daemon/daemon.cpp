#include "daemon/daemon.h"

#include <fmt/format.h>

#include "client/settings.h"
#include "core/text.h"
#include "daemon/hub_link.h"
#include "daemon/older_link.h"
#include "daemon/reconnecting.h"
#include "net/client.h"
#include "os/clock.h"
#include "os/process.h"
#include "remote/address.h"
#include "wire/hub.h"

namespace kachery::daemon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kInfoWait{10'000};
constexpr milliseconds kStopEvery{100};
constexpr milliseconds kStopWait{5'000};

// A connection that lasted so long was a good one: after it the next attempt comes soon.
constexpr milliseconds kGoodTime{5'000};

// What may block beside uploads and look-ups: a file that is looked for before its upload, a question about
// roles, the status, and who answers there.
constexpr std::size_t kOtherThreads = 4;

constexpr int kOk = 200;
constexpr int kInternal = 500;

// How long a change of the counts may stay unsaid.
constexpr milliseconds kNoteEvery{1'000};

constexpr const char* kInsecureHttp = "KACHERY_INSECURE_HTTP";

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
  return !url.secure && !url.is_loopback() && environment(kInsecureHttp) != "1";
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

std::int64_t now_ms() {
  return system_clock().now_ns() / 1'000'000;
}

// What a daemon is made of.
struct DaemonParts {
  Configuration configuration;  // For older proxies: whose hub gets the uploads.
  Url url;
  Offer offer;
  std::optional<Secret> proxy_secret = {};  // None: `url` is a hub's, and no older proxy's.
  NodeSettings settings = {};
  Output output;
  NoteStatus note = [](const DaemonStatus&) {};
};

// What is served in one dialect: whose files, sent to which hub.
struct Service {
  Service(Configuration configuration, Loop& loop, const DaemonParts& parts)
      : session(std::move(configuration)),
        channels({.loop = loop, .session = session, .zone = parts.offer.zone, .say = parts.output.warn}),
        provider({.loop = loop,
                  .session = session,
                  .zone = parts.offer.zone,
                  .uploads_max = parts.settings.uploads_max,
                  .channels = parts.offer.resource ? nullptr : &channels,
                  .say = parts.output.print}) {
    if (const auto& rate = parts.settings.upload_rate_max) session.limit_uploads(*rate);
  }

  Session session;
  OwnChannels channels;
  FileProvider provider;
};

class Daemon {
 public:
  Daemon(DaemonParts parts, KeyPair key, const std::atomic<bool>& stop)
      : parts_(std::move(parts)),
        stop_(stop),
        loop_(parts_.settings.uploads_max + kLookUpsMax + kOtherThreads),
        stopping_(loop_),
        ended_(loop_),
        http_(parts_.url.pin),
        signer_{std::move(key)},
        at_hub_(at_hub(parts_.configuration, parts_.url), loop_, parts_),
        at_older_proxy_(parts_.configuration, loop_, parts_),
        older_uploads_(at_older_proxy_.provider, loop_) {}

  void run() {
    loop_.spawn(serve());
    loop_.spawn(keep_status());
    loop_.spawn(watch_stop());
    loop_.run();
  }

 private:
  Link link_of(Service& service) {
    return {loop_, parts_.offer, parts_.url, service.provider, parts_.output, stopping_, on_served_};
  }

  Task<LinkEnd> serve_once() {
    if (!parts_.proxy_secret) {
      const Link link = link_of(at_hub_);
      LinkEnd end = co_await serve_at_hub(link, signer_);
      co_return end;
    }
    const auto ask = [this] { return find_dialect(http_, parts_.url, stop_); };
    const Result<Dialect> dialect = co_await loop_.offload(ask);
    if (!dialect) co_return LinkEnd{dialect.error()};
    const Link link = link_of(*dialect == Dialect::hub ? at_hub_ : at_older_proxy_);
    if (*dialect == Dialect::hub) {
      LinkEnd end = co_await serve_at_hub(link, signer_);
      co_return end;
    }
    if (is_readable(parts_.url))
      parts_.output.warn(
          "The proxy's secret goes there through plain http, where it can be read on the way.");
    LinkEnd end = co_await serve_at_older_proxy(link, *parts_.proxy_secret, older_uploads_);
    co_return end;
  }

  Task<> serve() {
    Backoff backoff;
    while (!stopping_.is_requested()) {
      parts_.output.print("Connecting to " + parts_.url.str());
      set_state(kConnecting, std::nullopt);
      const auto begun = std::chrono::steady_clock::now();
      const LinkEnd end = co_await serve_once();
      if (stopping_.is_requested()) break;
      if (end.has_served && std::chrono::steady_clock::now() - begun >= kGoodTime) backoff.reset();
      const milliseconds wait = backoff.next();
      const std::string why = printable(end.why.message);
      set_state(kWaiting, why);
      parts_.output.warn(why);
      parts_.output.print(fmt::format("Disconnected. Will try again in {:.1f} seconds.",
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

  void set_state(const char* state, std::optional<std::string> why) {
    status_.state = state;
    status_.since_ms = now_ms();
    status_.why = std::move(why);
    has_changed_ = true;
    status_changed_.notify();
  }

  Task<> keep_status() {
    while (!stopping_.is_requested()) {
      const UploadCounts counts = at_hub_.provider.counts();
      if (std::exchange(has_changed_, false) || counts != noted_) {
        noted_ = counts;
        const auto work = [note = &parts_.note, status = status_with(counts)]() -> Result<> {
          (*note)(status);
          return {};
        };
        static_cast<void>(co_await loop_.offload(work));
      }
      if (!has_changed_) co_await status_changed_.wait(kNoteEvery);
    }
  }

  DaemonStatus status_with(const UploadCounts& counts) const {
    DaemonStatus status = status_;
    status.uploads_running = counts.running;
    status.uploads_waiting = counts.waiting;
    status.uploads_completed = counts.completed;
    status.uploads_failed = counts.failed;
    status.bytes_provided = counts.bytes;
    return status;
  }

  const DaemonParts parts_;
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
  const std::function<void()> on_served_ = [this] { set_state(kConnected, std::nullopt); };
  DaemonStatus status_{.process = process_id(),
                       .started_ms = now_ms(),
                       .program = "kachery " KACHERY_VERSION,
                       .hub = parts_.url.str(),
                       .zone = parts_.offer.zone,
                       .state = kConnecting,
                       .since_ms = now_ms()};
  UploadCounts noted_;
  bool has_changed_ = true;
  Signal status_changed_{loop_};
};

Result<> run_daemon(DaemonParts parts, const std::atomic<bool>& stop) {
  KACHERY_TRY(key, find_identity(parts.configuration, MissingKey::generate));
  Daemon daemon(std::move(parts), *std::move(key), stop);
  daemon.run();
  return {};
}

}  // namespace

Result<> provide(const Configuration& configuration, ResourceSettings settings, Output output,
                 const std::atomic<bool>& stop) {
  if (configuration.offline)
    return fail(Code::invalid, "a resource cannot be shared: this process works offline");
  return run_daemon({.configuration = configuration,
                     .url = with_pin(settings.proxy_url, configuration),
                     .offer = {settings.zone, settings.name},
                     .proxy_secret = std::move(settings.proxy_secret),
                     .settings = {.uploads_max = settings.uploads_max},
                     .output = std::move(output)},
                    stop);
}

Result<> provide_node(const Configuration& configuration, const NodeSettings& settings, Output output,
                      const NoteStatus& note, const std::atomic<bool>& stop) {
  if (configuration.offline)
    return fail(Code::invalid, "nothing can be provided: this process works offline");
  KACHERY_TRY(url, Url::parse(configuration.gateway_url.value));
  KACHERY_TRY(zone, ZoneName::parse(configuration.zone.value));
  KACHERY_TRY(remote::check_address(url, "the hub", environment(kInsecureHttp) == "1"));
  return run_daemon({.configuration = configuration,
                     .url = std::move(url),
                     .offer = {zone},
                     .settings = settings,
                     .output = std::move(output),
                     .note = note},
                    stop);
}

}  // namespace kachery::daemon
