// How many CPUs the last samples ask for.
//
// Wanted in a sample: its demand (core/policy/demand), or the CPU used / cpu-target, at most one CPU more, if that is more.
// Grows with the newest sample. Shrinks to the most that was wanted in the last `calm`, when that saves at least step-down.
#pragma once

#include "core/policy/line.hpp"
#include "core/ports/policy.hpp"
#include "plugins/policy-pressure/options.hpp"
#include "plugins/policy-pressure/watch.hpp"

namespace neonvm::policy_pressure {

struct Wish {
  bool known = false;           // false: no fresh sample tells
  double amount = 0;            // CPUs, or bytes; finite
  const char* rule = "";
  policy::Line text;
};

// `have`: CPUs of the VM now.
Wish cpu_wish(const VmWatch& watch, Instant now, double have, const PressureOptions& options);

}  // namespace neonvm::policy_pressure
