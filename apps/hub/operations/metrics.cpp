// The only file that includes prometheus-cpp. Names follow https://prometheus.io/docs/practices/naming/.
#include "hub/operations/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace kachery::hub {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

// From what is answered out of memory to what streams a large file.
Histogram::BucketBoundaries seconds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

Family<Counter>& counter(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& gauge(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

struct Metrics::State {
  Registry registry;
  Family<Counter>& requests =
      counter(registry, "kachery_hub_requests_total", "Requests by route and status of the answer.");
  Family<Histogram>& seconds = prometheus::BuildHistogram()
                                   .Name("kachery_hub_request_seconds")
                                   .Help("How long requests took, from their head to the end of the answer.")
                                   .Register(registry);
  Family<Counter>& denials =
      counter(registry, "kachery_hub_denials_total", "Requests that were not allowed, by action.");
  Counter& refused_connections = counter(registry, "kachery_hub_refused_connections_total",
                                         "Connections that were refused or broken before a request.")
                                     .Add({});
  Counter& sent =
      counter(registry, "kachery_hub_sent_bytes_total", "Bytes of the bodies of answers.").Add({});
  Counter& received =
      counter(registry, "kachery_hub_received_bytes_total", "Bytes of the bodies of requests.").Add({});
  Gauge& connections = gauge(registry, "kachery_hub_connections", "Connections that are open.").Add({});
  Gauge& providers =
      gauge(registry, "kachery_hub_providers", "Daemons that are connected and serve a resource.").Add({});
  Gauge& orders =
      gauge(registry, "kachery_hub_orders", "Files that providers were asked for, and have not sent yet.")
          .Add({});
  Gauge& asks =
      gauge(registry, "kachery_hub_asks_waiting", "Requests that wait for a provider's file.").Add({});
  Counter& lost_audit_entries = counter(registry, "kachery_hub_lost_audit_entries_total",
                                        "Entries of the audit log that the disk did not take.")
                                    .Add({});
  Gauge& build = gauge(registry, "kachery_hub_build_info", "1, with the version of the program as a label.")
                     .Add({{"version", KACHERY_VERSION}});
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
  state_->build.Set(1);
}

Metrics::~Metrics() = default;

void Metrics::request(const std::string& route, int status, std::chrono::nanoseconds took) {
  state_->requests.Add({{"route", route}, {"status", std::to_string(status)}}).Increment();
  state_->seconds.Add({{"route", route}}, seconds()).Observe(std::chrono::duration<double>(took).count());
}

void Metrics::denied(const std::string& action) {
  state_->denials.Add({{"action", action}}).Increment();
}

void Metrics::refused_connection() {
  state_->refused_connections.Increment();
}

void Metrics::sent(ByteCount bytes) {
  state_->sent.Increment(static_cast<double>(bytes));
}

void Metrics::received(ByteCount bytes) {
  state_->received.Increment(static_cast<double>(bytes));
}

void Metrics::set_connections(std::size_t count) {
  state_->connections.Set(static_cast<double>(count));
}

void Metrics::set_rendezvous(std::size_t providers, std::size_t orders, std::size_t asks) {
  state_->providers.Set(static_cast<double>(providers));
  state_->orders.Set(static_cast<double>(orders));
  state_->asks.Set(static_cast<double>(asks));
}

void Metrics::lost_audit_entries(std::uint64_t count) {
  state_->lost_audit_entries.Increment(static_cast<double>(count));
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace kachery::hub
