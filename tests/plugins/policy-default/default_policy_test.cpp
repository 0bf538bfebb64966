#include "plugins/policy-default/default_policy.hpp"

#include <cmath>
#include <random>

#include "tests/plugins/policy-default/tables.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_default;

namespace {

Goal decide(std::span<const GuestSample> samples, const ScalingConfig& config) {
  const auto goal = DefaultPolicy().decide(input_with(samples, config));
  REQUIRE(goal);
  return *goal;
}

GuestSample sample_of(const Row& row, Bytes usage, Bytes cached) {
  GuestSample sample = sample_with(test_now, number(row, "load1"), 0, usage, cached);
  sample.working_set_pages = series(row, "windows");
  return sample;
}

// The number before " CU" in a reason.
double units_in(const Goal& goal, std::string_view rule) {
  const Because* because = find(goal, rule);
  if (because == nullptr) return 0;
  const std::string& text = because->text;
  const std::size_t end = text.find(" CU");
  return std::stod(text.substr(text.rfind(' ', end - 1) + 1));
}

}  // namespace

TEST_CASE("default policy: worked examples") {
  for (const Row& row : read_table("goal.txt")) {
    INFO(row.at("name"));
    ScalingConfig config = default_scaling_config();
    config.enable_lfc_metrics = row.at("windows") != "-";
    const auto in_mib = [&](const char* column) { return Bytes{static_cast<std::uint64_t>(number(row, column)) * mib}; };
    const Goal goal = decide(std::vector{sample_of(row, in_mib("usage"), in_mib("cached"))}, config);
    CHECK(goal.complete);
    CHECK(goal.compute_units == number(row, "goal"));
    CHECK(goal.wish == default_compute_unit * goal.compute_units);
    CHECK(units_in(goal, "cpu.load1") == Approx(number(row, "cpu")).epsilon(2e-3));
    CHECK(std::max(units_in(goal, "memory.usage"), units_in(goal, "memory.total")) ==
          Approx(number(row, "memory")).epsilon(2e-3));
    CHECK(units_in(goal, "cache.working_set") == Approx(number(row, "cache")).epsilon(2e-3));
  }
}

TEST_CASE("default policy: goals behind upstream's desired resources") {
  for (const Row& row : read_table("desired.txt")) {
    INFO(row.at("name"));
    ScalingConfig config = default_scaling_config();
    config.load_average_fraction_target = 0.5;
    config.memory_usage_fraction_target = 0.5;
    config.enable_lfc_metrics = row.at("cache") == "yes";
    GuestSample sample = sample_of(row, Bytes{100 * mib}, Bytes{0});
    if (row.at("load1") == "-") sample.memory_total = unknown;
    const Goal goal = decide(std::vector{sample}, config);
    CHECK(goal.compute_units == number(row, "goal"));
    CHECK(goal.complete == (row.at("complete") == "yes"));
    CHECK((find(goal, "missing-metrics") != nullptr) == !goal.complete);
  }
}

// autoscaling.md 11.1 as it stands there: the cache's figures are wanted and absent, so no goal is complete.
TEST_CASE("default policy: the CPU part of upstream's goal vectors") {
  ScalingConfig config = default_scaling_config();
  config.load_average_fraction_target = 1.0;
  config.memory_usage_fraction_target = 0.5;
  config.enable_lfc_metrics = true;
  const Goal nothing = decide({}, config);
  CHECK_FALSE(nothing.complete);
  CHECK(find(nothing, "cpu.load1") == nullptr);
  for (const Row& row : read_table("cpu_goal.txt")) {
    INFO(row.at("name"));
    config.cpu_stable_zone_ratio = number(row, "stable");
    config.cpu_mixed_zone_ratio = number(row, "mixed");
    const GuestSample sample =
        sample_with(test_now, number(row, "load1"), number(row, "load5"), Bytes{100 * mib}, Bytes{0});
    const Goal goal = decide(std::vector{sample}, config);
    CHECK_FALSE(goal.complete);
    CHECK(units_in(goal, "cpu.load1") == Approx(number(row, "units")).epsilon(1e-3));
    CHECK(goal.compute_units == std::max(1.0, std::round(number(row, "units"))));
  }
}

TEST_CASE("default policy: a sample ahead of the clock does not count") {
  std::vector<GuestSample> samples{sample_with(test_now - std::chrono::seconds(5), 0.9, 0, Bytes{300 * mib}, Bytes{0}),
                                   sample_with(test_now + std::chrono::seconds(5), 50, 0, Bytes{300 * mib}, Bytes{0})};
  CHECK(decide(samples, default_scaling_config()).compute_units == 4);
  samples.erase(samples.begin());
  CHECK_FALSE(decide(samples, default_scaling_config()).complete);
}

TEST_CASE("default policy: too few windows are not missing metrics") {
  ScalingConfig config = default_scaling_config();
  config.enable_lfc_metrics = true;
  GuestSample sample = sample_with(test_now, 0.9, 0, Bytes{300 * mib}, Bytes{gib});
  sample.working_set_pages = {1, 2, 3};
  const Goal goal = decide(std::vector{sample}, config);
  CHECK(goal.complete);
  CHECK(goal.compute_units == 4);
  CHECK(find(goal, "too-few-windows")->text == "3 windows of the working set, but 5 + 5 - 1 are needed");
}

TEST_CASE("default policy: an unknown page cache makes the goal incomplete, for it could ask for more") {
  ScalingConfig config = default_scaling_config();
  config.enable_lfc_metrics = true;
  GuestSample sample = sample_with(test_now, 0.9, 0, Bytes{300 * mib}, unknown);
  sample.working_set_pages.assign(20, 1000.0);
  CHECK_FALSE(decide(std::vector{sample}, config).complete);
  config.enable_lfc_metrics = false;
  CHECK(decide(std::vector{sample}, config).complete);
}

TEST_CASE("default policy: stale samples count as missing, and say so") {
  const GuestSample old = sample_with(test_now - std::chrono::seconds(75), 9, 9, Bytes{9 * gib}, Bytes{0});
  const Goal goal = decide(std::vector{old}, default_scaling_config());
  CHECK_FALSE(goal.complete);
  CHECK(goal.compute_units == 0);
  CHECK_THAT(find(goal, "missing-metrics")->text, Catch::Contains("75 s old"));
  CHECK(find(goal, "goal")->text ==
        "0 CU: the most of CPU 0, memory 0, cache 0, rounded up; incomplete, so no shrinking");
}

TEST_CASE("default policy: half of the figures still grow it") {
  GuestSample sample = sample_with(test_now, 3.5, 0, Bytes{300 * mib}, Bytes{0});
  sample.memory_available = unknown;
  const Goal goal = decide(std::vector{sample}, default_scaling_config());
  CHECK_FALSE(goal.complete);
  CHECK(goal.compute_units == 16);
}

TEST_CASE("default policy: reasons carry the numbers") {
  const GuestSample sample = sample_with(test_now, 3.5, 1, Bytes{2560 * mib}, Bytes{0});
  const Goal goal = decide(std::vector{sample}, default_scaling_config());
  CHECK(find(goal, "cpu.load1")->text == "load1 3.5 / 0.9 per CPU / 0.25 CPU = 15.56 CU, rounded 16");
  CHECK(find(goal, "memory.usage")->text == "2560.0 MiB in use / 0.75 / 1024.0 MiB = 3.333 CU");
  CHECK(find(goal, "goal")->text == "16 CU: the most of CPU 16, memory 3.333, cache 0, rounded up");
}

TEST_CASE("default policy: no configuration and bad configuration are errors") {
  PolicyInput input = input_with({}, default_scaling_config());
  input.config = nullptr;
  CHECK(DefaultPolicy().decide(input).error().code == Code::invalid_argument);
  ScalingConfig config = default_scaling_config();
  config.load_average_fraction_target = 0;
  CHECK(DefaultPolicy().decide(input_with({}, config)).error().code == Code::invalid_argument);
}

TEST_CASE("default policy: knobs are read anew unless their revision says that they are the same") {
  DefaultPolicy policy;
  const std::vector samples{sample_with(test_now, 3.6, 1, Bytes{0}, Bytes{0})};
  ScalingConfig usual = default_scaling_config(), half = usual;
  half.load_average_fraction_target = 0.45;
  const auto units = [&](const ScalingConfig& config, std::uint64_t revision) {
    PolicyInput input = input_with(samples, config);
    input.config_revision = revision;
    return policy.decide(input)->compute_units;
  };
  CHECK(units(usual, 0) == 16);
  CHECK(units(half, 0) == 32);
  CHECK(units(usual, 1) == 16);
  CHECK(units(half, 2) == 32);
  CHECK(units(usual, 2) == 32);   // who says so is believed
  CHECK(units(usual, 0) == 16);
}

// Whatever a guest says: an answer or an error, no crash (run under the sanitizers), the same answer twice, and more
// load never means a smaller goal.
TEST_CASE("default policy: survives any numbers") {
  const auto seed = Catch::rngSeed() == 0 ? std::random_device()() : Catch::rngSeed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const double odd[] = {0, -1, absent, 1e-300, 1e300, std::numeric_limits<double>::infinity(), 0.3, 7, 2e9};
  const auto any = [&] { return odd[random() % std::size(odd)]; };
  const auto any_bytes = [&] { return random() % 3 == 0 ? unknown : Bytes{random() >> (random() % 64)}; };
  DefaultPolicy policy;
  for (int round = 0; round < 5000; ++round) {
    std::vector<GuestSample> samples(random() % 4);
    for (GuestSample& s : samples) {
      s.at = test_now - std::chrono::seconds(random() % 90);
      s.load1 = any();
      s.load5 = any();
      s.memory_total = any_bytes();
      s.memory_available = any_bytes();
      s.memory_cached = any_bytes();
      for (std::size_t n = random() % 30; n > 0; --n) s.working_set_pages.push_back(any());
    }
    ScalingConfig config{any(), any(), any(), random() % 2 == 0, random() % 2 == 0, any(), 5, 5, any(), any()};
    config.lfc_window_size_minutes = static_cast<std::int64_t>(random() % 8) - 1;
    config.lfc_min_wait_before_downscale_minutes = static_cast<std::int64_t>(random() % 12) - 1;
    const PolicyInput input = input_with(samples, config);
    const auto goal = policy.decide(input);
    const auto again = policy.decide(input);
    REQUIRE(goal.ok() == again.ok());
    if (!goal) continue;
    CHECK(goal->wish == again->wish);
    CHECK(goal->because == again->because);
    CHECK(goal->wish == default_compute_unit * goal->compute_units);
  }
}

TEST_CASE("default policy: more load never means less") {
  std::uint32_t before = 0;
  for (int i = 0; i <= 400; ++i) {
    const GuestSample sample = sample_with(test_now, i * 0.05, 0, Bytes{300 * mib}, Bytes{0});
    const Goal goal = decide(std::vector{sample}, default_scaling_config());
    CHECK(goal.compute_units >= before);
    before = goal.compute_units;
  }
  CHECK(before == 89);
}
