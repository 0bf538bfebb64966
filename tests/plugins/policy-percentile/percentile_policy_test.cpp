#include "plugins/policy-percentile/percentile_policy.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_percentile;
using namespace std::chrono_literals;

namespace {

struct World {
  GuestSample sample;
  PolicyInput input;
  PercentilePolicy policy;
  Goal goal;

  explicit World(PercentileOptions options = {}) : policy(options) {
    input.vm = "vm";
    input.using_now = {MilliCpu{4000}, Bytes{4 * gib}};
    input.min = {MilliCpu{250}, Bytes{256 * mib}};
    input.max = {MilliCpu{8000}, Bytes{8 * gib}};
    sample.memory_total = Bytes{4 * gib};
    sample.online_cpus = 4;
    sample.cpu.some = 0;
    input.now = Instant(1h);
  }
  void live(Duration time, double cpus, Bytes used, Duration step = 10s) {
    sample.cpu_used = cpus;
    sample.memory_available = sample.memory_total - used;
    for (Duration passed{}; passed < time; passed += step) {
      input.now += step;
      sample.at = input.now;
      input.samples = std::span(&sample, 1);
      REQUIRE(policy.decide_into(input, goal));
    }
  }
};

}  // namespace

TEST_CASE("histogram: percentiles, within a bucket of 5 %") {
  DecayingHistogram use(0.01, 24h);
  CHECK(use.empty());
  CHECK(use.percentile(0.9) == 0);
  for (int i = 1; i <= 100; ++i) use.add(i / 100.0, 1, Instant{});
  CHECK(use.percentile(0.5) == Approx(0.5).epsilon(0.08));
  CHECK(use.percentile(0.9) == Approx(0.9).epsilon(0.08));
  CHECK(use.percentile(1) >= 1);
  CHECK(use.percentile(1) <= 1.08);
  use.add(absent, 1, Instant{});
  use.add(-1, 1, Instant{});
  use.add(1, absent, Instant{});
  CHECK(use.percentile(1) <= 1.08);
  use.add(1e300, 1000, Instant{});
  CHECK(use.percentile(1) > 1000);
}

TEST_CASE("histogram: the old counts half after a half-life") {
  DecayingHistogram use(0.01, 1h);
  use.add(1, 3, Instant{});
  use.add(2, 2, Instant{1h});  // against 1.5 by now
  CHECK(use.percentile(0.4) == Approx(1).epsilon(0.08));
  CHECK(use.percentile(0.5) == Approx(2).epsilon(0.08));
  use.add(0.1, 0.001, Instant{1000h});  // all others have faded
  CHECK(use.percentile(1) == Approx(0.1).epsilon(0.15));
  use.remove(0.1, 0.001, Instant{1000h});
  CHECK(use.empty());
}

TEST_CASE("percentile: shrinks to what was enough, after a warm-up") {
  World world;
  world.live(4min, 1, Bytes{gib});
  CHECK(world.goal.wish == world.input.using_now);
  CHECK(world.goal.because.back().rule == "warm-up");
  world.live(4h, 1, Bytes{gib});
  CHECK(world.goal.complete);
  // While little is known much is fine: upper is 7 times as much after 4 hours.
  CHECK(world.goal.wish == world.input.using_now);
  CHECK(world.goal.because[0].rule == "cpu.keep");
  world.live(24h, 1, Bytes{gib}, 60s);
  world.live(24h * 4, 1, Bytes{gib}, 15s);
  CHECK(world.goal.wish.cpu.cpus() == Approx(1.15).epsilon(0.1));
  CHECK(static_cast<double>(world.goal.wish.memory.value) == Approx(1.15 * gib).epsilon(0.1));
  CHECK(world.goal.because[0].rule == "cpu.percentile");
}

TEST_CASE("percentile: grows when half of the time was above") {
  World world;
  world.input.using_now = {MilliCpu{500}, Bytes{512 * mib}};
  world.sample.memory_total = Bytes{512 * mib};
  world.sample.online_cpus = 1;
  world.live(10min, 0.95, Bytes{500 * mib});
  CHECK(world.goal.wish.cpu.cpus() == Approx(1.1).epsilon(0.1));
  CHECK(world.goal.wish.memory > Bytes{550 * mib});
}

TEST_CASE("percentile: memory counts by the peak of an interval") {
  PercentileOptions options;
  options.memory_interval = 10min;
  World world(options);
  world.live(1min, 1, Bytes{3 * gib});
  world.live(8min, 1, Bytes{gib});
  CHECK_THAT(world.goal.because[1].text, Catch::StartsWith("p90 with 15% on top is 36"));
  world.live(200min, 1, Bytes{gib});
  CHECK_THAT(world.goal.because[1].text, Catch::StartsWith("p90 with 15% on top is 12"));
}

TEST_CASE("percentile: a kill for want of memory counts as more than there was") {
  World world;
  world.live(1min, 1, Bytes{2 * gib});
  world.sample.oom_kills = 1;
  world.live(10s, 1, Bytes{2 * gib});
  CHECK_THAT(world.goal.because[1].text, Catch::StartsWith("p90 with 15% on top is 29"));
}

TEST_CASE("percentile: no fresh samples, no shrinking") {
  World world;
  world.live(24h * 3, 0.1, Bytes{300 * mib}, 15s);
  CHECK(world.goal.wish.cpu < MilliCpu{250 * 3});
  world.input.now += 2min;
  REQUIRE(world.policy.decide_into(world.input, world.goal));
  CHECK_FALSE(world.goal.complete);
  CHECK(world.goal.wish == world.input.using_now);
  world.input.vm = "other";
  world.input.samples = {};
  REQUIRE(world.policy.decide_into(world.input, world.goal));
  CHECK(world.goal.wish == world.input.using_now);
  CHECK(world.goal.because[0].rule == "cpu.unknown");
}

TEST_CASE("percentile: options") {
  CHECK(read_options({{"target", "0.8"}})->target == 0.8);
  CHECK_THAT(read_options({{"target", "0.3"}}).error().message, Catch::StartsWith("lower, target, upper: they must not fall"));
  CHECK_THAT(read_options({{"half-live", "1h"}}).error().message, Catch::Contains("did you mean half-life?"));
}
