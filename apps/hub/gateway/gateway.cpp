#include "hub/gateway/gateway.h"

#include "core/text.h"
#include "hub/gateway/routes.h"
#include "hub/gateway/upkeep_tasks.h"
#include "hub/operations/log.h"

namespace kachery::hub {
namespace {

// How metrics call what has no route, and what is no request.
constexpr const char* kNoRoute = "none";
constexpr const char* kMalformed = "malformed";

using SteadyTime = std::chrono::steady_clock::time_point;

// Finds the route, says who asks, and lets the route answer.
Task<Result<Response>> answer(Shared& shared, const RouteTable& routes, Visit& visit) {
  const RequestHead& head = visit.head();
  KACHERY_CO_TRY(shared.admission.check_address(visit));

  std::string allowed;
  visit.route = routes.find(head.method, head.path, allowed);
  if (visit.route == nullptr && allowed.empty())
    co_return fail(Code::not_found, "this hub has nothing under " + printable(head.path));
  if (visit.route == nullptr) {
    visit.fields.add("Allow", allowed + ", OPTIONS");
    if (head.method == Method::options) co_return Response{.status = 204};
    visit.status = 405;
    co_return fail(Code::invalid, std::string(method_name(head.method)) + " is not for " +
                                      printable(head.path) + ": use " + allowed);
  }
  // Whoever has a signed URL of the bucket is known by it, not by a signature of their own.
  if (visit.route->action != Action::use_signed_url) {
    KACHERY_CO_TRY(shared.admission.identify(visit));
  }
  co_return co_await visit.route->serve(shared, visit);
}

void log_outcome(const Visit& visit, const Response& response, const Error* error,
                 std::chrono::nanoseconds took) {
  if (response.status < 500 && took < kSlowRequest) return;
  json::Object about{{"request", visit.head().id},
                     {"peer", visit.head().peer},
                     {"method", method_name(visit.head().method)},
                     {"route", visit.route != nullptr ? visit.route->path : kNoRoute},
                     {"status", response.status},
                     {"took_ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}};
  if (error != nullptr) about.emplace_back("error", printable(error->message));
  const bool failed = response.status >= 500;
  log(failed ? Severity::error : Severity::info, failed ? "request_failed" : "request_slow",
      std::move(about));
}

}  // namespace

struct Gateway::Parts {
  explicit Parts(const Services& services) : shared(services) {}

  Shared shared;
  RouteTable routes = all_routes();
};

Gateway::Gateway(const Services& services) : parts_(std::make_unique<Parts>(services)) {}
Gateway::~Gateway() = default;

Shared& Gateway::shared() {
  return parts_->shared;
}

void Gateway::start_upkeep() {
  hub::start_upkeep(parts_->shared);
}

void Gateway::stop() {
  parts_->shared.rendezvous.stop();
}

Response Gateway::malformed(int status, const std::string& request_id, const std::string& why) {
  const Services& services = parts_->shared.services;
  Response response =
      failure_answer(status, {Code::invalid, why}, request_id, services.clock.now_ns() / 1'000'000);
  add_common_fields(response, request_id);
  services.metrics.request(kMalformed, status, std::chrono::nanoseconds(0));
  return response;
}

Task<Response> Gateway::handle(Request& request) {
  Shared& shared = parts_->shared;
  const SteadyTime begun = std::chrono::steady_clock::now();
  Visit visit{.request = request, .now_ms = shared.services.clock.now_ns() / 1'000'000};

  Result<Response> answered = co_await answer(shared, parts_->routes, visit);
  const Error* error = answered ? nullptr : &answered.error();
  const bool is_told = visit.audited && !(visit.admitted && error != nullptr && error->code == Code::denied);
  if (error != nullptr && !is_told && visit.route != nullptr && visit.status != 429)
    shared.admission.refused(visit, *error);
  Response response = answered ? *std::move(answered)
                               : failure_answer(visit.status.value_or(http_status(error->code)), *error,
                                                request.head().id, visit.now_ms);
  response.fields.add(visit.fields);
  add_common_fields(response, request.head().id);

  // A connection that was upgraded lasts as long as it likes.
  const auto took = response.status == kSwitchingProtocols ? std::chrono::nanoseconds(0)
                                                           : std::chrono::steady_clock::now() - begun;
  Metrics& metrics = shared.services.metrics;
  metrics.request(visit.route != nullptr ? visit.route->path : kNoRoute, response.status, took);
  metrics.received(visit.received);
  if (const auto* text = std::get_if<std::string>(&response.body)) metrics.sent(text->size());
  log_outcome(visit, response, error, took);
  co_return response;
}

}  // namespace kachery::hub
