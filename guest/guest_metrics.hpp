// GuestMetrics: a GuestSample as Prometheus gauges, by the names that upstream's agent reads (guest.md 4.1) and ours.
//
// Called by guest/monitor when the upstream ports are asked for. Threads: loop thread. Upstream's reader fails as a whole
// when one of its five gauges is missing, so a number that is not known is left at its last value.
#pragma once

#include <string>

#include "core/model/metrics.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::guest {

constexpr std::uint16_t upstream_metrics_port = 9100;

class GuestMetrics {
 public:
  GuestMetrics();
  void sampled(const GuestSample& sample);
  [[nodiscard]] std::string text() const { return registry_.text(); }

 private:
  void set(const std::string& name, const std::string& help, double value, const runtime::Labels& labels = {});
  void set(const std::string& name, const std::string& help, Bytes value);
  void pressure(const std::string& resource, const Pressure& pressure);

  runtime::MetricsRegistry registry_;
};

}  // namespace neonvm::guest
