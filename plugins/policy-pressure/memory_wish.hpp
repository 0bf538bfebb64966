// How much memory the last samples ask for.
//
// In use: MemTotal - MemAvailable, plus what lies in swap. Grows to use / memory-target, and by what the guest will
// take until a grow could arrive: the growth of the last seconds times `lead`. Stalls on memory (PSI "some" above 5 %)
// and refaults (file pages read again soon after they were dropped, mm/workingset.c) ask for a quarter more. A guest's
// own request counts while it is fresh. Shrinks to the highest use of the last `calm`, and never while it refaults.
#pragma once

#include "plugins/policy-pressure/cpu_wish.hpp"

namespace neonvm::policy_pressure {

Wish memory_wish(const PolicyInput& input, const PressureOptions& options);

}  // namespace neonvm::policy_pressure
