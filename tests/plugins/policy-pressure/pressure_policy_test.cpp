#include "plugins/policy-pressure/pressure_policy.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_pressure;
using namespace std::chrono_literals;

namespace {

const Instant start{1h};

GuestSample calm_sample(Instant at) {
  GuestSample sample;
  sample.at = at;
  sample.cpu_used = 0.1;
  sample.runnable = 0;
  sample.online_cpus = 1;
  sample.cpu.some = 0;
  sample.memory.some = 0;
  sample.refaults = 0;
  sample.memory_total = Bytes{1000 * mib};
  sample.memory_available = Bytes{800 * mib};
  return sample;
}

struct World {
  std::vector<GuestSample> samples;
  PolicyInput input;
  PressurePolicy policy;

  World() {
    input.now = start;
    input.using_now = {MilliCpu{1000}, Bytes{gib}};
    input.min = {MilliCpu{250}, Bytes{256 * mib}};
    input.max = {MilliCpu{8000}, Bytes{8 * gib}};
    input.compute_unit = default_compute_unit;
  }
  void watched(Duration time) {
    for (Instant at = start - time; at <= start; at += 1s) samples.push_back(calm_sample(at));
  }
  Goal goal() {
    input.samples = samples;
    auto made = policy.decide(input);
    REQUIRE(made.ok());
    return *made;
  }
};

}  // namespace

TEST_CASE("four busy tasks on one CPU ask for four CPUs with the first sample that sees them") {
  World world;
  GuestSample sample = calm_sample(start);
  sample.cpu_used = 0.98;
  sample.runnable = 4;
  sample.cpu.some = 0.7;
  world.samples = {sample};
  const Goal goal = world.goal();
  CHECK(goal.wish.cpu >= MilliCpu{4000});
  CHECK(goal.wish.cpu <= MilliCpu{5000});
  CHECK(goal.because[0].rule == "cpu.demand");
}

TEST_CASE("a burst of runnable tasks that nobody waited for is no demand") {
  World world;
  GuestSample sample = calm_sample(start);
  sample.runnable = 9;
  world.samples = {sample};
  CHECK(world.goal().wish.cpu == MilliCpu{1000});
}

TEST_CASE("it shrinks only after the whole calm, to the peak within it") {
  World world;
  world.input.using_now.cpu = MilliCpu{4000};
  world.watched(59s);
  CHECK(world.goal().wish.cpu == MilliCpu{4000});
  world.samples.clear();
  world.watched(61s);
  CHECK(world.goal().wish.cpu == MilliCpu{250});
  world.samples[30].cpu_used = 1.8;
  CHECK(world.goal().wish.cpu == MilliCpu{2250});
  world.samples[30].cpu_used = 3.2;  // what shrinking would save is not worth it
  CHECK(world.goal().wish.cpu == MilliCpu{4000});
}

TEST_CASE("memory grows before it is gone: by use, by growth, by stalls, by request") {
  World world;
  world.watched(61s);
  SECTION("use") {
    world.samples.back().memory_available = Bytes{100 * mib};
    CHECK(world.goal().wish.memory >= Bytes{1200 * mib});
  }
  SECTION("growth") {
    const std::size_t n = world.samples.size();
    for (std::size_t i = 0; i < 4; ++i) world.samples[n - 4 + i].memory_available = Bytes{(800 - 200 * i) * mib};
    CHECK(world.goal().wish.memory >= Bytes{1600 * mib});
  }
  SECTION("stalls") {
    world.samples.back().memory.some = 0.3;
    const Goal goal = world.goal();
    CHECK(goal.wish.memory == Bytes{1280 * mib});
    CHECK(goal.because[1].rule == "memory.pressure");
  }
  SECTION("request") {
    world.input.request = GuestRequest{start - 1s, Bytes{3 * gib}};
    CHECK(world.goal().wish.memory == Bytes{3 * gib});
    world.input.request->at = start - 11s;
    CHECK(world.goal().wish.memory < Bytes{gib});
  }
}

TEST_CASE("memory shrinks calmly, and not while it was waited for") {
  World world;
  world.input.using_now.memory = Bytes{gib};
  world.watched(61s);
  const Goal calm = world.goal();
  CHECK(calm.wish.memory < Bytes{512 * mib});
  CHECK(calm.because[1].rule == "memory.calm");
  world.samples[40].refaults = 5000;
  const Goal hot = world.goal();
  CHECK(hot.wish.memory == Bytes{gib});
  CHECK(hot.because[1].rule == "memory.hot");
}

TEST_CASE("without fresh figures the VM keeps what it has") {
  World world;
  SECTION("nothing") {}
  SECTION("stale") { world.samples = {calm_sample(start - 30s)}; }
  SECTION("broken") {
    GuestSample sample = calm_sample(start);
    sample.cpu_used = -3;
    sample.memory_total = unknown;
    world.samples = {sample};
  }
  SECTION("from the future: the clock went back") { world.samples = {calm_sample(start + 30s)}; }
  const Goal goal = world.goal();
  CHECK_FALSE(goal.complete);
  CHECK(goal.wish == world.input.using_now);
}

TEST_CASE("direction changes are bounded: a square wave faster than the calm moves the size once") {
  World world;
  int changes = 0;
  MilliCpu size = world.input.using_now.cpu;
  int direction = 0;
  for (int second = 0; second < 3600; ++second) {
    GuestSample sample = calm_sample(start + std::chrono::seconds(second));
    sample.cpu_used = second % 20 < 10 ? 3.0 : 0.2;
    sample.online_cpus = 4;
    world.samples.push_back(sample);
    if (world.samples.size() > 120) world.samples.erase(world.samples.begin());
    world.input.now = sample.at;
    world.input.using_now.cpu = size;
    const MilliCpu wish = world.goal().wish.cpu;
    const int now = wish > size ? 1 : wish < size ? -1 : direction;
    if (now != direction && direction != 0) ++changes;
    direction = now;
    size = wish;
  }
  CHECK(changes == 0);
}

TEST_CASE("options are named when they are wrong") {
  CHECK(read_options({{"cpu-target", "0.5"}, {"calm", "10"}})->calm == 10s);
  CHECK_FALSE(read_options({{"cpu-target", "2"}}).ok());
  CHECK(read_options({{"calmness", "2"}}).error().message.find("none of cpu-target") != std::string::npos);
  CHECK_FALSE(read_options({{"calm", "nan"}}).ok());
}
