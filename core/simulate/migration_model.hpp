// copy_of: how long a live migration of a busy guest takes, and how long it stands still at its end.
//
// Pre-copy as QEMU does it: all used memory once, then what became dirty meanwhile, again and again, until the rest
// fits into the downtime limit. What does not converge within `rounds` is throttled step by step (auto-converge), and
// given up after `give_up`. Pure.
#pragma once

#include "core/simulate/settings.hpp"

namespace neonvm::simulate {

struct Copy {
  double seconds = 0;      // until the target runs
  double downtime = 0;
  double bytes = 0;        // over the network
  bool fails = false;      // did not converge in time
};

// used: bytes that have to be copied; cpu: CPUs' worth of work; bandwidth: bytes/s for this copy.
Copy copy_of(double used, double cpu, double bandwidth, const Network& network);

}  // namespace neonvm::simulate
