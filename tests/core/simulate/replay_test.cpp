// Is what `neonvm simulate` says of a VM what a VM does? A run of a real one, recorded by `neonvm record`, is replayed by the
// same policy, and its sizes over time are compared.
//
// recorded/busy.jsonl: QEMU under TCG on two cores, `neonvm run busy --cpus 0.25..4 --memory 512Mi..4Gi --policy default`,
// a reading a second; a node of two CPUs; idle, then four busy loops, then one, then 1200 MiB of memory, then idle again.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/simulate/trace.hpp"
#include "tests/core/simulate/small_world.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

constexpr const char* recorded_run = RECORDED_FOLDER "/busy.jsonl";

struct Size {
  double at = 0, cpus = 0, memory = 0;
};

std::vector<Size> recorded_sizes() {
  std::vector<Size> sizes;
  std::ifstream file(recorded_run);
  for (std::string line; std::getline(file, line);) {
    const auto reading = nlohmann::json::parse(line);
    sizes.push_back({reading.at("time"), reading.at("cpus"), reading.at("size")});
  }
  return sizes;
}

std::vector<TimePoint> simulated(const Trace& trace) {
  ClusterPlan plan;
  plan.nodes.push_back({"n", {MilliCpu{2000}, Bytes{64 * gib}}, 1.0, true, {}});
  VmPlan vm;
  vm.name = trace.tracks.at(0).vm;
  vm.min = vm.start = {MilliCpu{250}, Bytes{512 * mib}};
  vm.max = {MilliCpu{4000}, Bytes{4 * gib}};
  plan.vms.push_back(vm);
  Settings settings;
  settings.scheduling = std::chrono::seconds(1);
  World world(plan, settings, [&](std::size_t) { return replay(trace.tracks[0], trace.length); }, default_policies());
  const auto result = world.run(trace.length);
  REQUIRE(result);
  return result->timeline.points();
}

}  // namespace

TEST_CASE("a replayed VM has the sizes over time that the real one had") {
  const auto trace = read_trace({recorded_run}, {.format = "jsonl"});
  REQUIRE(trace);
  REQUIRE(trace->tracks.size() == 1);
  CHECK(trace->tracks[0].closed);
  const auto real = recorded_sizes();
  const auto made = simulated(*trace);
  double cpu_error = 0, memory_error = 0, real_cpu = 0, made_cpu = 0, real_memory = 0, made_memory = 0, length = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i + 1 < real.size(); ++i) {
    while (next + 1 < made.size() && made[next + 1].at <= real[i].at) ++next;
    const double dt = real[i + 1].at - real[i].at;
    cpu_error += std::abs(made[next].cpu_granted - real[i].cpus) * dt;
    memory_error += std::abs(made[next].memory_granted - real[i].memory) * dt;
    real_cpu += real[i].cpus * dt, made_cpu += made[next].cpu_granted * dt;
    real_memory += real[i].memory * dt, made_memory += made[next].memory_granted * dt;
    length += dt;
  }
  REQUIRE(length > 300);
  CAPTURE(real_cpu / length, made_cpu / length, real_memory / length / mib, made_memory / length / mib);
  CAPTURE(cpu_error / length, memory_error / length / mib);
  // The stated error, in the mean over time: a tenth of a CPU, a twentieth of the memory. It was 0.024 CPU and 37 MiB of 3086.
  CHECK(cpu_error / length < 0.1);
  CHECK(memory_error / length < 0.05 * real_memory / length);
}
