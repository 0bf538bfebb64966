#include <limits>

#include "core/model/scaling_config.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;

using Lines = std::vector<std::string>;

TEST_CASE("the default config is complete and valid") {
  const ScalingConfig config = default_scaling_config();
  CHECK(violations(config) == Lines{});
  CHECK(config.load_average_fraction_target == 0.9);
  CHECK(config.memory_usage_fraction_target == 0.75);
  CHECK(config.memory_total_fraction_target == 0.9);
  CHECK(config.enable_lfc_metrics == false);
  CHECK(config.lfc_use_largest_window == false);
  CHECK(config.lfc_to_memory_ratio == 0.75);
  CHECK(config.lfc_window_size_minutes == 5);
  CHECK(config.lfc_min_wait_before_downscale_minutes == 5);
  CHECK(config.cpu_stable_zone_ratio == 0.0);
  CHECK(config.cpu_mixed_zone_ratio == 0.0);
}

TEST_CASE("an override wins field by field") {
  ScalingConfig over;
  over.lfc_window_size_minutes = 10;
  ScalingConfig expected = default_scaling_config();
  expected.lfc_window_size_minutes = 10;
  CHECK(overlaid(default_scaling_config(), over) == expected);
  CHECK(overlaid(default_scaling_config(), {}) == default_scaling_config());
  CHECK(overlaid({}, default_scaling_config()) == default_scaling_config());
}

TEST_CASE("every field out of range is told") {
  ScalingConfig config;
  config.load_average_fraction_target = 2;
  config.memory_usage_fraction_target = 0;
  config.memory_total_fraction_target = std::numeric_limits<double>::quiet_NaN();
  config.lfc_to_memory_ratio = 1.1;
  config.lfc_window_size_minutes = 1;
  config.lfc_min_wait_before_downscale_minutes = 0;
  config.cpu_stable_zone_ratio = -0.1;
  config.cpu_mixed_zone_ratio = std::numeric_limits<double>::infinity();
  const Lines lines = violations(config);
  CAPTURE(lines);
  CHECK(lines.size() == 8);
  CHECK(lines.front() == "loadAverageFractionTarget: 2 is out of range; give more than 0 and less than 2");
}

TEST_CASE("the wait before a downscale covers the window") {
  ScalingConfig config;
  config.lfc_window_size_minutes = 5;
  config.lfc_min_wait_before_downscale_minutes = 4;
  CHECK(violations(config) ==
        Lines{"lfcMinWaitBeforeDownscaleMinutes: 4 is out of range; give at least lfcWindowSizeMinutes"});
}
