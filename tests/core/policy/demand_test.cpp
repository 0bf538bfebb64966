#include "core/policy/demand.hpp"

#include <limits>

#include "core/policy/figures.hpp"
#include "core/policy/reasons.hpp"
#include "core/policy/vm_memory.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy;
using namespace std::chrono_literals;

namespace {

GuestSample cpu_sample(double used, double runnable, double waiting) {
  GuestSample sample;
  sample.cpu_used = used;
  sample.runnable = runnable;
  sample.cpu.some = waiting;
  sample.online_cpus = 1;
  return sample;
}

GuestSample memory_sample(std::uint64_t total, std::uint64_t available) {
  GuestSample sample;
  sample.memory_total = Bytes{total * mib};
  sample.memory_available = Bytes{available * mib};
  return sample;
}

}  // namespace

TEST_CASE("demand: tasks count when they wait") {
  CHECK(cpu_demand(cpu_sample(0.3, 9, 0)) == 0.3);
  CHECK(cpu_demand(cpu_sample(0.3, 9, 0.2)) == 9);
  CHECK(cpu_demand(cpu_sample(0.98, 4, absent)) == 4);
  CHECK(cpu_demand(cpu_sample(0.98, absent, 0.9)) == 0.98);
  CHECK_FALSE(cpu_demand(cpu_sample(absent, 4, 0.9)));
  CHECK_FALSE(cpu_demand(cpu_sample(-1, 4, 0.9)));
}

TEST_CASE("demand: a guest that waits for its host gets no more CPUs for it") {
  GuestSample sample = cpu_sample(0.5, 4, 0.9);
  sample.cpu_stolen = 0.5;
  CHECK(cpu_demand(sample) == 1);
  sample.cpu_stolen = 0.05;
  CHECK(cpu_demand(sample) == 4);
}

TEST_CASE("demand: memory that cannot be given back") {
  GuestSample sample = memory_sample(1000, 800);
  CHECK(memory_need(sample) == 200.0 * mib);
  sample.memory_free = Bytes{300 * mib};
  sample.memory_file = Bytes{350 * mib};
  sample.slab_reclaimable = Bytes{50 * mib};
  CHECK(memory_need(sample) == 300.0 * mib);
  sample.swap_total = Bytes{500 * mib};
  sample.swap_free = Bytes{450 * mib};
  CHECK(memory_need(sample) == 350.0 * mib);
  CHECK(file_cache(sample) == 350.0 * mib);
  CHECK_FALSE(memory_need(memory_sample(100, 200)));
  CHECK_FALSE(memory_need(memory_sample(0, 0)));
  CHECK_FALSE(memory_need(GuestSample{}));
}

TEST_CASE("demand: refaults count while somebody waits") {
  GuestSample sample;
  CHECK_FALSE(waits_for_memory(sample));
  sample.refaults = 5000;
  CHECK(waits_for_memory(sample));
  sample.memory.some = 0.001;
  CHECK_FALSE(waits_for_memory(sample));
  sample.memory.some = 0.02;
  CHECK(waits_for_memory(sample));
  sample.refaults = 0;
  sample.swapped_in = 300;
  CHECK(waits_for_memory(sample));
}

TEST_CASE("figures: ages of broken clocks") {
  const Instant first{Duration{std::numeric_limits<std::int64_t>::min()}};
  const Instant last{Duration{std::numeric_limits<std::int64_t>::max()}};
  CHECK(age(first, last) == Duration(std::numeric_limits<std::int64_t>::max()));
  CHECK_FALSE(age(last, first));
  CHECK(is_fresh(Instant(1s), Instant(3s), 2s));
  CHECK_FALSE(is_fresh(Instant(1s), Instant(3s), 1s));
}

TEST_CASE("figures: sizes of any number") {
  CHECK(milli_cpu(1.2341).value == 1235);
  CHECK(milli_cpu(absent).value == 0);
  CHECK(milli_cpu(1e300).value == std::numeric_limits<std::uint32_t>::max());
  CHECK(bytes(-1).value == 0);
  CHECK(bytes(1e300).value == std::uint64_t{1} << 60);
  CHECK(whole_units({MilliCpu{300}, Bytes{gib}}, {MilliCpu{250}, Bytes{gib}}) == Resources{MilliCpu{500}, Bytes{2 * gib}});
  CHECK(whole_units({MilliCpu{300}, Bytes{gib}}, {}) == Resources{MilliCpu{300}, Bytes{gib}});
  PolicyInput input;
  input.min = {MilliCpu{500}, Bytes{gib}};
  input.max = {MilliCpu{250}, Bytes{2 * gib}};
  CHECK(in_bounds({MilliCpu{100}, Bytes{3 * gib}}, input) == Resources{MilliCpu{500}, Bytes{2 * gib}});
}

TEST_CASE("reasons: old strings are used again") {
  Reasons reasons;
  Goal goal;
  reasons.begin(goal);
  reasons.say(goal, "a", "first");
  const char* room = goal.because[0].text.data();
  goal.complete = false;
  reasons.begin(goal);
  CHECK(goal.because.empty());
  CHECK(goal.complete);
  reasons.say(goal, "b", "second");
  CHECK(goal.because[0] == Because{"b", "second"});
  CHECK(goal.because[0].text.data() == room);
}

TEST_CASE("vm memory: bounded, the idle go first") {
  VmMemory<int> memory;
  for (std::size_t i = 0; i < VmMemory<int>::most; ++i) memory.at("vm" + std::to_string(i)) = 7;
  memory.at("vm0");
  memory.at("new") = 1;
  CHECK(memory.size() == VmMemory<int>::most);
  CHECK(memory.at("vm0") == 7);
  CHECK(memory.at("vm1") == 0);
}
