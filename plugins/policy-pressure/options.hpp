// PressureOptions: what can be set of policy-pressure, as --policy pressure,KEY=VALUE.
#pragma once

#include <map>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::policy_pressure {

struct PressureOptions {
  double cpu_target = 0.85;      // cpu-target: share of the CPUs to be busy, (0, 1]
  double memory_target = 0.75;   // memory-target: share of the memory to be in use, (0, 1)
  Duration calm = std::chrono::seconds(60);   // calm: seconds of low demand before shrinking, 1 to 3600
  double step_down = 0.15;       // step-down: least share by which a shrink must be worth while, [0, 1)
};

// Unknown keys and values out of range are named, with what is accepted.
Result<PressureOptions> read_options(const std::map<std::string, std::string>& settings);

}  // namespace neonvm::policy_pressure
