// Metrics: what Prometheus is told. docs/guide/hub.md lists them.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/bytes.h"

namespace kachery::hub {

// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // `route` is the pattern of the route, never what a stranger sent.
  void request(const std::string& route, int status, std::chrono::nanoseconds took);
  void denied(const std::string& action);
  void refused_connection();
  void sent(ByteCount bytes);
  void received(ByteCount bytes);
  void set_connections(std::size_t count);
  // Daemons that serve a name, files that they were asked for, and answers that wait for them.
  void set_rendezvous(std::size_t providers, std::size_t orders, std::size_t asks);
  // Entries of the audit log that were given up because the disk took none.
  void lost_audit_entries(std::uint64_t count);

  // In the text format of Prometheus.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kachery::hub
