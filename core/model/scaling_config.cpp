#include "core/model/scaling_config.hpp"

#include <cstdio>

namespace neonvm {
namespace {

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

void add_violation(std::vector<std::string>& into, const char* field, const std::string& value, const char* range) {
  into.push_back(std::string(field) + ": " + value + " is out of range; give " + range);
}

// Also catches NaN: no comparison with it holds.
void check_open(std::vector<std::string>& into, const char* field, const std::optional<double>& value, double end,
                const char* range) {
  if (value && !(*value > 0 && *value < end)) add_violation(into, field, number_text(*value), range);
}

void check_zone(std::vector<std::string>& into, const char* field, const std::optional<double>& value) {
  if (value && !(*value >= 0 && *value < 1e9)) add_violation(into, field, number_text(*value), "0 or more");
}

template <typename T>
void take(std::optional<T>& field, const std::optional<T>& over) {
  if (over) field = over;
}

}  // namespace

ScalingConfig default_scaling_config() {
  ScalingConfig config;
  config.load_average_fraction_target = 0.9;
  config.memory_usage_fraction_target = 0.75;
  config.memory_total_fraction_target = 0.9;
  config.enable_lfc_metrics = false;
  config.lfc_use_largest_window = false;
  config.lfc_to_memory_ratio = 0.75;
  config.lfc_window_size_minutes = 5;
  config.lfc_min_wait_before_downscale_minutes = 5;
  config.cpu_stable_zone_ratio = 0.0;
  config.cpu_mixed_zone_ratio = 0.0;
  return config;
}

ScalingConfig overlaid(const ScalingConfig& base, const ScalingConfig& over) {
  ScalingConfig both = base;
  take(both.load_average_fraction_target, over.load_average_fraction_target);
  take(both.memory_usage_fraction_target, over.memory_usage_fraction_target);
  take(both.memory_total_fraction_target, over.memory_total_fraction_target);
  take(both.enable_lfc_metrics, over.enable_lfc_metrics);
  take(both.lfc_use_largest_window, over.lfc_use_largest_window);
  take(both.lfc_to_memory_ratio, over.lfc_to_memory_ratio);
  take(both.lfc_window_size_minutes, over.lfc_window_size_minutes);
  take(both.lfc_min_wait_before_downscale_minutes, over.lfc_min_wait_before_downscale_minutes);
  take(both.cpu_stable_zone_ratio, over.cpu_stable_zone_ratio);
  take(both.cpu_mixed_zone_ratio, over.cpu_mixed_zone_ratio);
  return both;
}

std::vector<std::string> violations(const ScalingConfig& config) {
  std::vector<std::string> all;
  check_open(all, "loadAverageFractionTarget", config.load_average_fraction_target, 2, "more than 0 and less than 2");
  check_open(all, "memoryUsageFractionTarget", config.memory_usage_fraction_target, 1, "more than 0 and less than 1");
  check_open(all, "memoryTotalFractionTarget", config.memory_total_fraction_target, 1, "more than 0 and less than 1");
  const auto& ratio = config.lfc_to_memory_ratio;
  if (ratio && !(*ratio > 0 && *ratio <= 1)) {
    add_violation(all, "lfcToMemoryRatio", number_text(*ratio), "more than 0 and at most 1");
  }
  const auto& window = config.lfc_window_size_minutes;
  if (window && *window < 2) add_violation(all, "lfcWindowSizeMinutes", std::to_string(*window), "2 or more");
  const auto& wait = config.lfc_min_wait_before_downscale_minutes;
  if (wait && *wait < window.value_or(2)) {
    add_violation(all, "lfcMinWaitBeforeDownscaleMinutes", std::to_string(*wait),
                  window ? "at least lfcWindowSizeMinutes" : "2 or more");
  }
  check_zone(all, "cpuStableZoneRatio", config.cpu_stable_zone_ratio);
  check_zone(all, "cpuMixedZoneRatio", config.cpu_mixed_zone_ratio);
  return all;
}

}  // namespace neonvm
