// PressureOptions: what can be set of policy-pressure, as --policy pressure,KEY=VALUE.
#pragma once

#include "core/policy/options.hpp"

namespace neonvm::policy_pressure {

struct PressureOptions {
  double cpu_target = 0.85;      // cpu-target: share of the CPUs to be busy, 0.05 to 1
  double memory_target = 0.75;   // memory-target: share of the memory to be in use, 0.05 to 0.99
  Duration calm = std::chrono::seconds(60);   // calm: time of low demand before shrinking, 1s to 1h
  double step_down = 0.15;       // step-down: least share of the size that a shrink must save, 0 to 0.99
  double cache_step = 0.25;      // cache-step: share of the file cache that one shrink may drop, 0 to 1
  std::uint32_t turns = 6;       // turns: shrinks after a grow in any hour, CPU and memory each, 1 to 60
  bool coupled = false;          // coupled: CPU and memory in whole compute units together, yes or no
};

// Failure: see OptionReader.
Result<PressureOptions> read_options(const policy::Settings& settings);

}  // namespace neonvm::policy_pressure
