// How many CPUs the last samples ask for.
//
// Demand of a sample: the CPUs that were busy; while tasks waited for a CPU (PSI "some" of the interval above 5 %, or all
// CPUs busy), the tasks that want one, if they are more. /proc/stat's procs_running counts those that run and those that
// wait (proc(5)), so it is the demand itself, at an instant; it counts only together with waiting that lasted.
// Grows on the newest sample; shrinks to the highest demand of the last `calm`, so that every shrink needs `calm` without
// that demand: at most one change of direction each `calm`, 3600 s / calm an hour in each direction.
#pragma once

#include <string>

#include "core/ports/policy.hpp"
#include "plugins/policy-pressure/options.hpp"

namespace neonvm::policy_pressure {

struct Wish {
  bool known = false;           // false: no fresh sample tells
  double amount = 0;            // CPUs, or bytes
  std::string rule, text;
};

Wish cpu_wish(const PolicyInput& input, const PressureOptions& options);

}  // namespace neonvm::policy_pressure
