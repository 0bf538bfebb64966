// How much memory the last samples ask for.
//
// Need of a sample: core/policy/demand. Grows to need / memory-target, and by what the guest will take until a grow could
// arrive: the growth of the last seconds for two more. Waiting for memory (PSI, refaults, swap) asks for a quarter more,
// a kill by the kernel for half as much again. A guest's own request counts while it is fresh.
//
// Shrinks to the highest need of the last `calm`; never within `calm` of waiting; and drops at most cache-step of the
// file cache at a time: whether the cache was worth its room shows only when it is read again, so a shrink probes, and
// refaults stop it (as Senpai does, "TMO", ASPLOS 2022).
#pragma once

#include "plugins/policy-pressure/cpu_wish.hpp"

namespace neonvm::policy_pressure {

// `have`: bytes of the VM now.
Wish memory_wish(const VmWatch& watch, const PolicyInput& input, double have, const PressureOptions& options);

}  // namespace neonvm::policy_pressure
