#include "hub/gateway/page_handlers.h"

#include "core/text.h"
#include "wire/hub.h"

namespace kachery::hub {
namespace {

constexpr std::string_view kRegisterPath = "/register/";

Task<Result<Response>> health(Call) {
  co_return text_answer("text/plain; charset=utf-8", "ok\n");
}

// Whether the catalog answers, and the bucket takes bytes: a writer that is not committed leaves nothing.
Result<> try_to_serve(Services& services) {
  KACHERY_TRY(zones, services.catalog.zones().zones());
  if (zones.empty()) return {};
  constexpr std::string_view kContent = "x";
  KACHERY_TRY(writer, services.bucket.create(zones.front().zone, kContent.size()));
  return writer.append(as_bytes(kContent));
}

Task<Result<Response>> readiness(Call call) {
  Readiness& last = call.shared.readiness;
  if (call.now_ms - last.at_ms > kReadinessAge.count()) {
    auto work = [&call] { return try_to_serve(call.services()); };
    Result<> ready = co_await call.services().loop.offload(std::move(work));
    if (ready) ready = call.services().audit.ready();
    last = {.at_ms = call.now_ms, .why_not = ready ? std::nullopt : std::optional(ready.error())};
  }
  if (last.why_not) co_return fail(Code::unavailable, "the hub cannot serve: " + last.why_not->message);
  co_return text_answer("text/plain; charset=utf-8", "ready\n");
}

Task<Result<Response>> metrics(Call call) {
  const Rendezvous& rendezvous = call.shared.rendezvous;
  call.services().metrics.set_rendezvous(rendezvous.providers.count(), rendezvous.orders.running(),
                                         rendezvous.asks_waiting);
  co_return text_answer("text/plain; version=0.0.4; charset=utf-8", call.services().metrics.text());
}

Task<Result<wire::HubInfo>> hub_info(Call call) {
  wire::HubInfo info{.program = "kachery",
                     .version = KACHERY_VERSION,
                     .open = call.services().settings.open,
                     .public_urls = {},
                     .now_ms = call.now_ms};
  for (const Url& url : call.services().settings.public_urls) info.public_urls.push_back(url.str());
  co_return info;
}

// Text as HTML shows it.
std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

// What whoever opens the link of a registration has to do. Nothing can be done on the page itself.
std::string registration_page(const PendingRecord& pending) {
  const std::string code = escaped(pending.code);
  const std::string user = pending.user ? escaped(pending.user->str()) : "USER";
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>kachery: a node "
         "waits</title>"
         "</head>\n<body><h1>A node waits to be registered</h1>\n<p>Code: <strong>" +
         code + "</strong></p>\n<p>It calls itself: " + escaped(printable(pending.label)) +
         "</p>\n<p>Node ID: <code>" + pending.node.hex() +
         "</code><br>Compare it with the one that the machine shows.</p>\n"
         "<p>If it is yours, on a machine of yours that is registered already:</p>\n<pre>kachery node "
         "approve " +
         code +
         "</pre>\n<p>The hub's administrator can do it, too:</p>\n<pre>kachery hub admin node approve " +
         code + " --user " + user + "</pre>\n</body></html>\n";
}

Task<Result<Response>> registration(Call call) {
  auto work = [&call, code = call.head.path.substr(kRegisterPath.size())] {
    return call.services().catalog.people().pending(code, call.now_ms);
  };
  KACHERY_CO_TRY(pending, co_await call.services().loop.offload(std::move(work)));
  Response page = text_answer("text/html; charset=utf-8", registration_page(pending));
  page.fields.add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  page.fields.add("Referrer-Policy", "no-referrer");
  co_return page;
}

}  // namespace

std::vector<Route> page_routes() {
  std::vector<Route> routes;
  routes.push_back(plain_route("/healthz", Action::see_hub, health));
  routes.push_back(plain_route("/readyz", Action::see_hub, readiness));
  routes.push_back(plain_route("/metrics", Action::read_metrics, metrics, Bearer::metrics));
  routes.push_back(plain_route("/v1/hub", Action::see_hub, hub_info));
  routes.push_back(plain_route(std::string(kRegisterPath), Action::see_hub, registration));
  return routes;
}

}  // namespace kachery::hub
