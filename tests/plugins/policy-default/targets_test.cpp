#include "plugins/policy-default/targets.hpp"

#include "core/model/metrics.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_default;

namespace {

// The message of the refusal; "" when there is none.
std::string refusal(const ScalingConfig& config, const Resources& unit = default_compute_unit) {
  const auto targets = targets_from(config, unit);
  return targets ? "" : targets.error().message;
}

}  // namespace

TEST_CASE("targets: the shipped configuration is usable") {
  const auto targets = targets_from(default_scaling_config(), default_compute_unit);
  REQUIRE(targets);
  CHECK(targets->cpu.fraction == 0.9);
  CHECK(targets->cpu.cpus_per_unit == 0.25);
  CHECK(targets->memory_usage == 0.75);
  CHECK_FALSE(targets->use_cache);
}

TEST_CASE("targets: divisors of zero and worse are refused, with the field's name") {
  for (const double bad : {0.0, -0.5, absent, std::numeric_limits<double>::infinity()}) {
    ScalingConfig config = default_scaling_config();
    config.load_average_fraction_target = bad;
    CHECK_THAT(refusal(config), Catch::StartsWith("loadAverageFractionTarget: "));
    config = default_scaling_config();
    config.memory_usage_fraction_target = bad;
    CHECK_THAT(refusal(config), Catch::StartsWith("memoryUsageFractionTarget: "));
    config = default_scaling_config();
    config.memory_total_fraction_target = bad;
    CHECK_THAT(refusal(config), Catch::StartsWith("memoryTotalFractionTarget: "));
    config = default_scaling_config();
    config.enable_lfc_metrics = true;
    config.lfc_to_memory_ratio = bad;
    CHECK_THAT(refusal(config), Catch::StartsWith("lfcToMemoryRatio: "));
  }
  ScalingConfig config = default_scaling_config();
  config.cpu_mixed_zone_ratio = -1;
  CHECK(refusal(config) == "cpuMixedZoneRatio: -1 is not usable; give 0 or more");
  config = default_scaling_config();
  config.cpu_stable_zone_ratio = absent;
  CHECK_THAT(refusal(config), Catch::StartsWith("cpuStableZoneRatio: "));
}

TEST_CASE("targets: a unit without CPU or memory is refused") {
  CHECK_FALSE(refusal(default_scaling_config(), {MilliCpu{0}, Bytes{gib}}).empty());
  CHECK_FALSE(refusal(default_scaling_config(), {MilliCpu{250}, Bytes{0}}).empty());
}

TEST_CASE("targets: windows that crash upstream are refused, but only while they are used") {
  ScalingConfig config = default_scaling_config();
  config.lfc_window_size_minutes = 1;
  CHECK(refusal(config).empty());
  config.enable_lfc_metrics = true;
  CHECK(refusal(config) == "lfcWindowSizeMinutes: 1 is not usable; give 2 or more");
  config.lfc_window_size_minutes = 6;
  CHECK(refusal(config) == "lfcMinWaitBeforeDownscaleMinutes: 5 is not usable; give at least lfcWindowSizeMinutes");
  config.lfc_min_wait_before_downscale_minutes = 6;
  CHECK(refusal(config).empty());
}

TEST_CASE("targets: what is not set is refused, but a window's choice") {
  ScalingConfig config = default_scaling_config();
  config.lfc_use_largest_window.reset();  // upstream dereferences it
  config.enable_lfc_metrics = true;
  CHECK(refusal(config).empty());
  config.memory_total_fraction_target.reset();
  CHECK(refusal(config) == "memoryTotalFractionTarget is not set");
}
