// GuestMetrics: a GuestSample as Prometheus gauges, by the names that upstream's agent reads (guest.md 4.1) and ours; and
// what hooks tell, as text of the same kind.
//
// Called by guest/monitor when the upstream ports are asked for. Threads: loop thread. Upstream's reader fails as a whole
// when one of its five gauges is missing, so a number that is not known is left at its last value.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/model/metrics.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/wire/hook_protocol.hpp"

namespace neonvm::guest {

constexpr std::uint16_t upstream_metrics_port = 9100;  // the node, and all that hooks tell
constexpr std::uint16_t upstream_cache_port = 9499;    // what is called lfc_…: Neon's local file cache

class GuestMetrics {
 public:
  GuestMetrics();
  void sampled(const GuestSample& sample);
  [[nodiscard]] std::string text() const { return registry_.text(); }

 private:
  void set(const std::string& name, const std::string& help, double value, const runtime::Labels& labels = {});
  void set(const std::string& name, const std::string& help, Bytes value);
  void kind(const std::string& kind, Bytes value);
  void pressure(const std::string& resource, const Pressure& pressure);

  runtime::MetricsRegistry registry_;
};

// Pure. Of metrics with one name the first says type and help; one of another type is left out, and the last of those
// with the same labels wins, since a page that says a thing twice is read by nobody.
std::string hook_metrics_text(std::span<const wire::HookMetric> metrics);
// What upstream's agent reads on 9499: metrics called lfc_… and, as lfc_approximate_working_set_size_windows, the pages
// of the last 60, 120, … seconds. "": no hook tells of that cache.
std::string cache_metrics_text(std::span<const wire::HookMetric> metrics, std::span<const double> working_set_pages);

}  // namespace neonvm::guest
