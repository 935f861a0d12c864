#include "hub/operations/metrics.h"

#include <gtest/gtest.h>

namespace kachery::hub {
namespace {

using std::chrono_literals::operator""ms;

TEST(Metrics, CountWhatHappened) {
  Metrics metrics;
  metrics.request("/v1/files/find", 200, 3ms);
  metrics.request("/v1/files/find", 200, 30ms);
  metrics.request("/v1/files/find", 403, 1ms);
  metrics.denied("find");
  metrics.refused_connection();
  metrics.sent(1'000'000'000'000);
  metrics.received(7);
  metrics.set_connections(3);
  metrics.lost_audit_entries(2);
  const std::string text = metrics.text();
  for (const char* line : {
           "kachery_hub_requests_total{route=\"/v1/files/find\",status=\"200\"} 2\n",
           "kachery_hub_requests_total{route=\"/v1/files/find\",status=\"403\"} 1\n",
           "kachery_hub_request_seconds_count{route=\"/v1/files/find\"} 3\n",
           "kachery_hub_request_seconds_bucket{route=\"/v1/files/find\",le=\"0.005\"} 2\n",
           "kachery_hub_denials_total{action=\"find\"} 1\n",
           "kachery_hub_refused_connections_total 1\n",
           "kachery_hub_sent_bytes_total 1000000000000\n",
           "kachery_hub_received_bytes_total 7\n",
           "kachery_hub_connections 3\n",
           "kachery_hub_lost_audit_entries_total 2\n",
           "kachery_hub_build_info{version=\"",
       })
    EXPECT_TRUE(text.contains(line)) << line << "\nin\n" << text;
}

}  // namespace
}  // namespace kachery::hub
