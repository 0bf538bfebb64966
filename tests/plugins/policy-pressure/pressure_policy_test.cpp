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
  // The answer of a policy that has seen nothing before.
  Goal goal(PressureOptions options = {}) {
    PressurePolicy policy(options);
    return goal_of(policy);
  }
  Goal goal_of(PressurePolicy& policy) {
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
  CHECK(goal.wish.cpu == MilliCpu{4000});
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
  world.samples[40].refaults = 5000;  // and nobody waits: a scan
  CHECK(world.goal().because[1].rule == "memory.calm");
  world.samples[40].memory.some = 0.02;
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

TEST_CASE("the file cache goes in steps, so that refaults can stop it") {
  World world;
  world.input.using_now.memory = Bytes{2 * gib};
  world.watched(61s);
  for (GuestSample& sample : world.samples) {
    sample.memory_total = Bytes{2000 * mib};
    sample.memory_available = Bytes{1800 * mib};
    sample.memory_file = Bytes{1600 * mib};
  }
  // 200 and 48 of the kernel in use, and three quarters of the cache.
  CHECK(world.goal().wish.memory == Bytes{1472 * mib});
  PressureOptions all;
  all.cache_step = 1;
  CHECK(world.goal(all).wish.memory == Bytes{384 * mib});
}

TEST_CASE("a kill for want of memory asks for half as much again") {
  World world;
  world.watched(61s);
  world.samples.back().oom_kills = 1;
  const Goal goal = world.goal();
  CHECK(goal.wish.memory == Bytes{1536 * mib});
  CHECK(goal.because[1].rule == "memory.oom");
}

TEST_CASE("limits that bit are told") {
  World world;
  GuestSample sample = calm_sample(start);
  sample.cpu_used = 1;
  sample.runnable = 30;
  world.samples = {sample};
  const Goal goal = world.goal();
  CHECK(goal.wish.cpu == MilliCpu{8000});
  CHECK(goal.because[1] == Because{"cpu.max", "30 CPUs wanted, at most 8 allowed"});
}

TEST_CASE("coupled: CPU and memory in whole compute units") {
  World world;
  GuestSample sample = calm_sample(start);
  sample.cpu_used = 0.98;
  sample.runnable = 4;
  world.samples = {sample};
  PressureOptions coupled;
  coupled.coupled = true;
  const Goal goal = world.goal(coupled);
  CHECK(goal.wish == Resources{MilliCpu{4000}, Bytes{8 * gib}});  // 16 units, cut at 8 GiB
}

TEST_CASE("after a grow that no peak explains it waits for the calm, too") {
  World world;
  world.watched(61s);
  PressurePolicy policy;
  world.input.request = GuestRequest{start, Bytes{3 * gib}};
  CHECK(world.goal_of(policy).wish.memory == Bytes{3 * gib});
  world.input.using_now.memory = Bytes{3 * gib};
  for (int second = 1; second < 60; ++second) {
    world.samples.push_back(calm_sample(start + std::chrono::seconds(second)));
    world.input.now = world.samples.back().at;
    const Goal goal = world.goal_of(policy);
    REQUIRE(goal.wish.memory == Bytes{3 * gib});
  }
  world.samples.push_back(calm_sample(start + 71s));
  world.input.now = start + 71s;
  CHECK(world.goal_of(policy).wish.memory < Bytes{gib});
}

TEST_CASE("the same question twice has one answer, and VMs do not mix") {
  World world;
  world.input.using_now.cpu = MilliCpu{4000};
  world.watched(61s);
  PressurePolicy policy;
  world.input.vm = "one";
  const Goal first = world.goal_of(policy);
  CHECK(world.goal_of(policy).wish == first.wish);
  CHECK(first.wish.cpu == MilliCpu{250});
  world.input.vm = "two";
  world.samples.erase(world.samples.begin(), world.samples.end() - 1);
  CHECK(world.goal_of(policy).wish.cpu == MilliCpu{4000});
}

TEST_CASE("a pause in the samples begins a new watch") {
  World world;
  world.input.using_now.cpu = MilliCpu{4000};
  world.watched(90s);
  world.samples.erase(world.samples.begin() + 50, world.samples.begin() + 70);
  CHECK(world.goal().because[0].rule == "cpu.wait");
}

TEST_CASE("direction changes are bounded: a square wave faster than the calm moves the size once") {
  World world;
  PressurePolicy policy;
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
    const MilliCpu wish = world.goal_of(policy).wish.cpu;
    const int now = wish > size ? 1 : wish < size ? -1 : direction;
    if (now != direction && direction != 0) ++changes;
    direction = now;
    size = wish;
  }
  CHECK(changes == 0);
}

TEST_CASE("options are named when they are wrong") {
  CHECK(read_options({{"cpu-target", "0.5"}, {"calm", "10"}})->calm == 10s);
  CHECK(read_options({{"cpu-target", "2"}}).error().message == "cpu-target: \"2\" is not a number from 0.05 to 1");
  CHECK_THAT(read_options({{"clam", "2"}}).error().message, Catch::Contains("did you mean calm?"));
  CHECK_FALSE(read_options({{"calm", "nan"}}).ok());
  CHECK_FALSE(read_options({{"turns", "61"}}).ok());
}
