// ScalingConfig: the knobs of a scaling policy, by upstream's names (autoscaling.md 2.1), and the default compute unit.
//
// Values of the policy that a VM names win over the agent's defaults, field by field. validate() collects every
// violation, never only the first.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/resources.hpp"

namespace neonvm {

struct ScalingConfig {
  std::optional<double> load_average_fraction_target;       // loadAverageFractionTarget, (0, 2), default 0.9
  std::optional<double> memory_usage_fraction_target;       // memoryUsageFractionTarget, (0, 1), default 0.75
  std::optional<double> memory_total_fraction_target;       // memoryTotalFractionTarget, (0, 1), default 0.9
  std::optional<bool> enable_lfc_metrics;                   // enableLFCMetrics, default false
  std::optional<bool> lfc_use_largest_window;               // lfcUseLargestWindow, default false
  std::optional<double> lfc_to_memory_ratio;                // lfcToMemoryRatio, (0, 1], default 0.75
  std::optional<std::int64_t> lfc_window_size_minutes;      // lfcWindowSizeMinutes, >= 2, default 5
  std::optional<std::int64_t> lfc_min_wait_before_downscale_minutes;  // lfcMinWaitBeforeDownscaleMinutes, >= window
  std::optional<double> cpu_stable_zone_ratio;              // cpuStableZoneRatio, >= 0, default 0
  std::optional<double> cpu_mixed_zone_ratio;               // cpuMixedZoneRatio, >= 0, default 0

  friend bool operator==(const ScalingConfig&, const ScalingConfig&) = default;
};

// Every field set to upstream's shipped value.
ScalingConfig default_scaling_config();
// `base` with each field that `over` sets taken from it.
ScalingConfig overlaid(const ScalingConfig& base, const ScalingConfig& over);
// One line a violation, each naming the JSON field, its value and the range. Empty: valid. Unset fields are skipped.
std::vector<std::string> violations(const ScalingConfig& config);

// Upstream's compute unit: 0.25 CPU and 1 GiB.
constexpr Resources default_compute_unit{MilliCpu{250}, Bytes{gib}};

}  // namespace neonvm
