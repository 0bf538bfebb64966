// How many VM-steps a second `neonvm simulate` does on one core, and how that compares with calling the policy alone.
//   bench_simulate [VMS [HOURS [THREADS]]]
#include <ctime>
#include <cstdio>
#include <cstdlib>

#include "tests/core/simulate/small_world.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

double since(std::clock_t begin) {
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

// Nothing but the policy, over samples whose load moves as a guest's does.
double bare_calls_per_second() {
  policy_default::DefaultPolicy policy(false);
  Goal goal;
  const ScalingConfig config = default_scaling_config();
  GuestRates rates;
  Guest guest(rates, Bytes{gib}, 4);
  std::vector<GuestSample> samples(12);
  PolicyInput input;
  input.vm = "vm";
  input.now = beginning;
  input.max = {MilliCpu{4000}, Bytes{16 * gib}};
  input.compute_unit = default_compute_unit;
  input.config = &config;
  guest.advance({1.5, 5e8, 1e8, 0}, {1, 1e9}, 5);
  for (GuestSample& sample : samples) guest.sample_into(sample), sample.at = beginning;
  input.samples = samples;
  constexpr int calls = 1'000'000;
  std::uint64_t units = 0;
  const std::clock_t begin = std::clock();
  for (int i = 0; i < calls; ++i) {
    samples.back().load1 = 1 + (i % 64) / 64.0;
    if (policy.decide_into(input, goal)) units += goal.compute_units;
  }
  const double rate = calls / since(begin);
  if (units == 0) std::abort();
  return rate;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t vms = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000;
  const double hours = argc > 2 ? std::strtod(argv[2], nullptr) : 2;
  Settings settings;
  settings.threads = argc > 3 ? static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)) : 1;
  const double bare = bare_calls_per_second();
  const std::size_t nodes = std::max<std::size_t>(1, vms / 50);
  World world(small_cluster(nodes, vms, {MilliCpu{128'000}, Bytes{512 * gib}}), settings, every_generator(1), default_policies());
  const std::clock_t begin = std::clock();
  const auto result = world.run(hours * 3600);
  const double took = since(begin);
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    return 1;
  }
  const double steps = static_cast<double>(result->total.steps);
  std::printf("%.0f VM-steps in %.2f s: %.2f million/s, %.0f ns each; policy alone %.2f million/s; ratio %.2f; "
              "%.1f resizes per VM and day\n", steps, took, steps / took / 1e6, took / steps * 1e9, bare / 1e6,
              steps / took / bare, static_cast<double>(result->total.resizes) / static_cast<double>(vms) / hours * 24);
  std::printf("digest %016llx, %llu policy calls, %llu denials\n", static_cast<unsigned long long>(result->digest),
              static_cast<unsigned long long>(result->total.policy_calls), static_cast<unsigned long long>(result->total.denials));
}
