#include "hub/legacy/proxy.h"

#include "core/text.h"
#include "hub/addresses.h"
#include "hub/hub_limits.h"
#include "hub/legacy/older_asking.h"
#include "hub/legacy/older_daemon.h"
#include "hub/legacy/secret_gate.h"
#include "hub/operations/log.h"
#include "os/clock.h"
#include "os/process.h"

namespace kachery::hub {
namespace {

std::int64_t now_ms() {
  return system_clock().now_ns() / 1'000'000;
}

// A name is one name here, whatever its daemon calls its zone.
ResourceId resource_named(ResourceName name) {
  return {ZoneName::parse("default").value(), std::move(name)};
}

Result<> check_transport(const ProxySettings& settings) {
  const HubSettings as_hub{
      .directory = {}, .listen = settings.listen, .insecure_http = settings.insecure_http};
  KACHERY_TRY(transport, transport_of(as_hub));
  if (transport == Transport::plain) return {};
  return fail(
      Code::invalid,
      "the proxy speaks plain HTTP only, in which its secret can be read on the way: let it listen on "
      "127.0.0.1 behind a server with a certificate, or say --insecure-http");
}

}  // namespace

struct Proxy::Parts {
  explicit Parts(ProxySettings asked) : settings(std::move(asked)) {}

  Task<Response> handle(Request& request);
  Task<Response> serve_daemon(Request& request);
  Task<Response> serve_client(Request& request);
  Task<Result<OlderPlace>> admit(const RequestHead& head, const wire::legacy::Initialize& first);
  Task<> serve_until(const std::atomic<bool>& stop);

  ProxySettings settings;
  Loop loop{1};  // Nothing blocks here.
  Rates address_rates{kAddressRate};
  SecretGate gate{loop, system_clock(), Hasher::of(Algorithm::sha256, settings.secret.bytes())};
  Rendezvous rendezvous{loop, {}, {}};
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;
};

Result<std::unique_ptr<Proxy>> Proxy::start(ProxySettings settings) {
  KACHERY_TRY(check_transport(settings));
  auto parts = std::make_unique<Parts>(std::move(settings));
  Parts& made = *parts;
  made.server = std::make_unique<Server>(
      ServerParts{.loop = made.loop,
                  .limits = server_limits(raise_open_files_limit()),
                  .trusted_proxies = made.settings.trusted_proxies,
                  .handle = [&made](Request& request) { return made.handle(request); }});
  KACHERY_TRY(port, made.server->listen(made.settings.listen.host, made.settings.listen.port, nullptr));
  made.port = port;
  return std::unique_ptr<Proxy>(new Proxy(std::move(parts)));
}

Proxy::Proxy(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Proxy::~Proxy() = default;

std::uint16_t Proxy::port() const {
  return parts_->port;
}

void Proxy::run(const std::atomic<bool>& stop) {
  log(Severity::info, "proxy started", {{"port", std::uint64_t{parts_->port}}});
  parts_->loop.spawn(parts_->serve_until(stop));
  parts_->loop.run();
  log(Severity::info, "proxy stopped", {});
}

Task<> Proxy::Parts::serve_until(const std::atomic<bool>& stop) {
  while (!stop) co_await loop.sleep(kStopEvery);
  rendezvous.stop();
  co_await server->drain(kDrainWait);
  loop.stop();
}

Task<Response> Proxy::Parts::handle(Request& request) {
  const RequestHead& head = request.head();
  if (address_rates.take(address_group(head.peer), 1, now_ms()))
    co_return older_refusal(429, "too many requests from this address: try again later");
  const bool is_get = head.method == Method::get;
  if (is_get && head.path == "/probe") {
    Response running;
    running.fields.add("Content-Type", "text/plain; charset=utf-8");
    running.body = "running.";
    co_return running;
  }
  if (is_get && head.path == "/" && head.fields.find("upgrade") != nullptr)
    co_return co_await serve_daemon(request);
  const bool is_ask = head.path == "/api" || head.path.starts_with("/r/");
  if (head.method == Method::post && is_ask) co_return co_await serve_client(request);
  co_return older_refusal(404, "there is nothing here but /probe, /r/NAME and /api");
}

Task<Response> Proxy::Parts::serve_daemon(Request& request) {
  if (request.head().fields.find("origin") != nullptr)
    co_return older_refusal(403, "no page in a browser may connect: daemons do");
  const WebSocketLimits limits{.message_bytes_max = kOlderBodyBytesMax};
  Result<std::unique_ptr<WebSocket>> socket = co_await request.upgrade("", limits);
  if (!socket) co_return older_refusal(400, socket.error().message);
  const auto daemon = std::make_shared<OlderDaemon>(loop, rendezvous);
  const AdmitOlder admits = [this, &request](const wire::legacy::Initialize& first) {
    return admit(request.head(), first);
  };
  const Error why = co_await daemon->run(*std::move(socket), admits);
  log(Severity::info, "older_daemon_ended",
      {{"request", request.head().id}, {"peer", request.head().peer}, {"why", printable(why.message)}});
  co_return Response{.status = kSwitchingProtocols};
}

// Both belong to the caller, who waits.
Task<Result<OlderPlace>> Proxy::Parts::admit(const RequestHead& head, const wire::legacy::Initialize& first) {
  KACHERY_CO_TRY(co_await gate.check(head.peer, first.proxy_secret));
  KACHERY_CO_TRY(name, ResourceName::parse(first.resource_name));
  co_return OlderPlace{.id = resource_named(std::move(name))};
}

Task<Response> Proxy::Parts::serve_client(Request& request) {
  const Result<std::string> body = co_await read_body(request, kOlderBodyBytesMax);
  if (!body) co_return older_refusal(body.error().code == Code::exhausted ? 413 : 400, body.error().message);
  auto asked = parse_older_request(request.head().path, *body);
  if (!asked) co_return std::move(asked).error();
  const Result<ResourceName> name = ResourceName::parse(asked->resource_name);
  if (!name) co_return older_not_found(asked->resource_name);
  const ResourceId id = resource_named(*name);
  // Nobody else enters here.
  const auto daemon = std::static_pointer_cast<OlderDaemon>(rendezvous.providers.find(id));
  if (!daemon) co_return older_not_found(name->str());
  if (asked->zone && daemon->zone() && *asked->zone != *daemon->zone())
    co_return older_refusal(500, "Zone mismatch: " + printable(asked->zone->substr(0, 100)) + " <> " +
                                     printable(*daemon->zone()));
  OlderAsk ask{.resource = id,
               .asker = {.name = "address " + address_group(request.head().peer)},
               .request = *std::move(asked)};
  const FindSize nobody_knows;
  co_return co_await answer_older_ask(rendezvous, nobody_knows, std::move(ask));
}

}  // namespace kachery::hub
