// Private to wire: members of ScalingConfig, by upstream's names (autoscaling.md 2.1).
#pragma once

#include "core/model/scaling_config.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<ScalingConfig> auto& c) {
  v.field("loadAverageFractionTarget", c.load_average_fraction_target);
  v.field("memoryUsageFractionTarget", c.memory_usage_fraction_target);
  v.field("memoryTotalFractionTarget", c.memory_total_fraction_target);
  v.field("enableLFCMetrics", c.enable_lfc_metrics);
  v.field("lfcUseLargestWindow", c.lfc_use_largest_window);
  v.field("lfcToMemoryRatio", c.lfc_to_memory_ratio);
  v.field("lfcWindowSizeMinutes", c.lfc_window_size_minutes);
  v.field("lfcMinWaitBeforeDownscaleMinutes", c.lfc_min_wait_before_downscale_minutes);
  v.field("cpuStableZoneRatio", c.cpu_stable_zone_ratio);
  v.field("cpuMixedZoneRatio", c.cpu_mixed_zone_ratio);
}

}  // namespace neonvm::wire
