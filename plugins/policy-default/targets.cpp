#include "plugins/policy-default/targets.hpp"

#include <cmath>
#include <cstdio>

namespace neonvm::policy_default {
namespace {

Error out_of_range(const char* field, double value, const char* range) {
  char text[160];
  std::snprintf(text, sizeof text, "%s: %g is not usable; give %s", field, value, range);
  return {Code::invalid_argument, text};
}

Status read_positive(const std::optional<double>& from, const char* field, double& to) {
  if (!from) return Error{Code::invalid_argument, std::string(field) + " is not set"};
  if (!std::isfinite(*from) || *from <= 0) return out_of_range(field, *from, "a number above 0");
  to = *from;
  return {};
}

Status read_ratio(const std::optional<double>& from, const char* field, double& to) {
  if (!from) return Error{Code::invalid_argument, std::string(field) + " is not set"};
  if (!std::isfinite(*from) || *from < 0) return out_of_range(field, *from, "0 or more");
  to = *from;
  return {};
}

// Only of interest while the cache's metrics are used.
Status read_cache(const ScalingConfig& config, Targets& to) {
  if (Status s = read_positive(config.lfc_to_memory_ratio, "lfcToMemoryRatio", to.cache_to_memory); !s) return s;
  to.windows.use_largest = config.lfc_use_largest_window.value_or(false);
  to.windows.window = config.lfc_window_size_minutes.value_or(0);
  to.windows.min_wait = config.lfc_min_wait_before_downscale_minutes.value_or(0);
  if (to.windows.window < 2) {
    return out_of_range("lfcWindowSizeMinutes", static_cast<double>(to.windows.window), "2 or more");
  }
  if (to.windows.min_wait < to.windows.window) {
    return out_of_range("lfcMinWaitBeforeDownscaleMinutes", static_cast<double>(to.windows.min_wait),
                        "at least lfcWindowSizeMinutes");
  }
  return {};
}

}  // namespace

Result<Targets> targets_from(const ScalingConfig& config, const Resources& compute_unit) {
  if (compute_unit.cpu.value == 0 || compute_unit.memory.value == 0) {
    return Error{Code::invalid_argument,
                 "the compute unit is " + to_string(compute_unit) + "; give it both CPU and memory"};
  }
  Targets to;
  to.cpu.cpus_per_unit = compute_unit.cpu.cpus();
  const Status read[] = {
      read_positive(config.load_average_fraction_target, "loadAverageFractionTarget", to.cpu.fraction),
      read_positive(config.memory_usage_fraction_target, "memoryUsageFractionTarget", to.memory_usage),
      read_positive(config.memory_total_fraction_target, "memoryTotalFractionTarget", to.memory_total),
      read_ratio(config.cpu_stable_zone_ratio, "cpuStableZoneRatio", to.cpu.stable_ratio),
      read_ratio(config.cpu_mixed_zone_ratio, "cpuMixedZoneRatio", to.cpu.mixed_ratio),
  };
  for (const Status& status : read) {
    if (!status) return status.error();
  }
  to.use_cache = config.enable_lfc_metrics.value_or(false);
  if (to.use_cache) {
    if (const Status status = read_cache(config, to); !status) return status.error();
  }
  return to;
}

}  // namespace neonvm::policy_default
