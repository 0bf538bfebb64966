// Generators: made-up workloads with seeds, for when there is no trace, or for what no trace holds.
//
// Made by the cluster file and tests. Each is a DemandSource: constant memory, any length, same seed same demand.
//   steady       the mean of low and high with a little noise
//   diurnal      a day's wave between low and high, each VM with its own phase and noise
//   bursty       on and off: exponential times, mostly low, sometimes high
//   heavy_tail   requests whose sizes are Pareto (tail index 1.5) on top of low; rarely far above high
//   nightly      low, and high for an hour each night
//   flash_crowd  low; once a day at a time of its own everything at high within seconds, then slowly down
//   ramp         memory climbs from low to high over `period` and falls at once (a leak and a restart)
//   scan         low; now and then all of the disk is read once, which looks like a large working set and is none
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "core/simulate/demand.hpp"

namespace neonvm::simulate {

struct GeneratorSpec {
  std::string kind = "diurnal";
  double cpu_low = 0.1, cpu_high = 2;                       // CPUs
  double memory_low = 256e6, memory_high = 2e9;             // bytes, anonymous
  double file = 128e6;                                      // bytes, file working set
  double period = 86400;                                    // seconds
  double until = std::numeric_limits<double>::infinity();   // trace second at which the VM goes
};

const std::vector<std::string>& generator_kinds();
// invalid_argument names the field, its value and the range.
Status check(const GeneratorSpec& spec);
// REQUIRES check(spec).
std::unique_ptr<DemandSource> make_generator(const GeneratorSpec& spec, std::uint64_t seed);

}  // namespace neonvm::simulate
