#include "hub/gateway/routes.h"

#include "crypto/hasher.h"
#include "hub/gateway/admin_handlers.h"
#include "hub/gateway/bucket_handlers.h"
#include "hub/gateway/channel_handlers.h"
#include "hub/gateway/file_handlers.h"
#include "hub/gateway/live_handlers.h"
#include "hub/gateway/node_handlers.h"
#include "hub/gateway/older_handlers.h"
#include "hub/gateway/page_handlers.h"
#include "hub/gateway/resource_handlers.h"
#include "hub/gateway/upload_handlers.h"

namespace kachery::hub {
namespace {

bool answers(const Route& route, Method method) {
  return route.method == method || (method == Method::head && route.method == Method::get);
}

std::unexpected<Error> too_long(Visit& visit, ByteCount size_max) {
  visit.status = 413;
  return fail(Code::invalid, "the body of " + visit.head().path + " is too long: it may have " +
                                 std::to_string(size_max) + " bytes; send less at once");
}

// The whole body, in a time that goes by its size: one that trickles must not hold a turn.
Task<Result<std::string>> read_in_time(const Shared& shared, Visit& visit, ByteCount size_max) {
  std::string body;
  while (true) {
    KACHERY_CO_TRY(piece, co_await visit.request.read());
    if (piece.empty()) co_return body;
    if (piece.size() > size_max - body.size()) co_return too_long(visit, size_max);
    body += as_text(piece);
    const std::int64_t took_ms = shared.services.clock.now_ns() / 1'000'000 - visit.now_ms;
    const auto size = static_cast<std::int64_t>(body.size());
    if (took_ms > kWholeBodyWait.count() + kTurnWaitMax.count() + size * 1000 / kWholeBodyRateMin)
      co_return fail(Code::timed_out, "the body comes too slowly: " + std::to_string(size) + " bytes in " +
                                          std::to_string(took_ms / 1000) + " s; send smaller ones");
  }
}

}  // namespace

const Route* RouteTable::find(Method method, const std::string& path, std::string& allowed) const {
  for (const Route& route : routes_) {
    const bool is_beginning = route.path.ends_with('/') && route.path != "/";
    if (is_beginning ? !path.starts_with(route.path) : path != route.path) continue;
    if (answers(route, method)) return &route;
    if (!allowed.empty()) allowed += ", ";
    allowed += method_name(route.method);
    if (route.method == Method::get) allowed += ", HEAD";
  }
  return nullptr;
}

RouteTable all_routes() {
  std::vector<Route> all;
  for (auto family : {page_routes, node_routes, file_routes, upload_routes, resource_routes, channel_routes,
                      ask_routes, live_routes, older_routes, bucket_routes, admin_routes}) {
    std::vector<Route> routes = family();
    all.insert(all.end(), std::make_move_iterator(routes.begin()), std::make_move_iterator(routes.end()));
  }
  return RouteTable(std::move(all));
}

Task<Result<std::string>> read_whole(Shared& shared, Turns& turns, Visit& visit, ByteCount size_max) {
  const std::optional<ByteCount> announced = visit.request.body_size();
  if (announced.value_or(0) > size_max) co_return too_long(visit, size_max);
  if (announced.value_or(size_max) > kInlineBytes) {
    visit.turn = co_await turns.take(kTurnWaitMax);
    if (!visit.turn)
      co_return fail(Code::unavailable,
                     "the hub has as many large requests as it takes at once: try again later");
  }
  auto body = co_await read_in_time(shared, visit, size_max);
  if (!body) co_return std::unexpected(std::move(body).error());
  visit.received = body->size();
  if (!visit.signed_request) co_return *std::move(body);

  if (visit.signed_body.has_value() == body->empty())
    co_return fail(Code::denied, body->empty()
                                     ? "Content-Digest is signed, but there is no body: leave it out"
                                     : "the body is not signed: sign the field Content-Digest with it");
  if (body->empty()) co_return *std::move(body);
  auto hash = [&body] { return Hasher::of(Algorithm::sha256, as_bytes(*body)); };
  std::optional<Digest> found;
  if (body->size() > kInlineBytes) {
    found = co_await shared.services.loop.offload(std::move(hash));
  } else {
    found = hash();
  }
  if (*found != *visit.signed_body)
    co_return fail(Code::denied, "the body is not the one that was signed: its SHA-256 is " + found->hex());
  co_return *std::move(body);
}

}  // namespace kachery::hub
